//! Worker processes of one `run`, all heard in one place.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use crate::training::children::{Assignment, Child, Ending, Garbled, Message, Order};

/// What one of the workers did.
#[derive(Debug)]
pub enum Heard {
    Message(usize, Message),
    /// It wrote a line that cannot be read.
    Garbled(usize, Garbled),
    /// Its process has ended.
    Gone(usize, Ending),
}

/// The workers, by number. One that has ended has no child any more.
pub struct Workers {
    assignment: Assignment,
    children: Vec<Option<Child>>,
    to: Sender<(usize, Option<Result<Message, Garbled>>)>,
    from: Receiver<(usize, Option<Result<Message, Garbled>>)>,
}

impl Workers {
    /// None yet, for this suite.
    pub fn new(assignment: Assignment) -> Self {
        let (to, from) = mpsc::channel();
        Workers {
            assignment,
            children: Vec::new(),
            to,
            from,
        }
    }

    /// Starts worker `number`, in place of one that has ended.
    ///
    /// # Errors
    /// If the process cannot be started.
    pub fn start(&mut self, number: usize) -> std::io::Result<()> {
        let assignment = &self.assignment;
        let folder = assignment.folder.display().to_string();
        let mut child = Child::start(assignment.standing.software, &folder)?;
        child.order(&Order::Open(Box::new(self.assignment.clone())));
        let (messages, to) = (child.take_messages(), self.to.clone());
        thread::Builder::new().spawn(move || {
            for message in messages {
                if to.send((number, Some(message))).is_err() {
                    return;
                }
            }
            let _ = to.send((number, None));
        })?;
        if self.children.len() <= number {
            self.children.resize_with(number + 1, || None);
        }
        self.children[number] = Some(child);
        Ok(())
    }

    /// Whether any is left.
    pub fn any(&self) -> bool {
        self.children.iter().any(Option::is_some)
    }

    /// Gives an order to one of them.
    pub fn order(&mut self, number: usize, order: &Order) {
        if let Some(child) = self.children[number].as_mut() {
            child.order(order);
        }
    }

    /// Gives an order to all of them.
    pub fn order_all(&mut self, order: &Order) {
        for child in self.children.iter_mut().flatten() {
            child.order(order);
        }
    }

    /// Ends one at once.
    pub fn kill(&mut self, number: usize) {
        if let Some(child) = self.children[number].as_mut() {
            child.kill();
        }
    }

    /// What comes next of any of them, within this time.
    pub fn hear(&mut self, limit: Duration) -> Option<Heard> {
        match self.from.recv_timeout(limit) {
            Ok((number, Some(Ok(message)))) => Some(Heard::Message(number, message)),
            Ok((number, Some(Err(garbled)))) => Some(Heard::Garbled(number, garbled)),
            Ok((number, None)) => {
                let mut child = self.children[number].take()?;
                Some(Heard::Gone(number, child.end()))
            }
            // A sender of our own is always there.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }
}
