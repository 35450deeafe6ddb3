//! Who is next, and what each machine believes to see.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::panic::resume_unwind;
use std::path::{Component, Path};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::tree::{Node, Tree};

/// Calls for which a machine may go on seeing what it saw.
const STALE: u64 = 120;
/// A pause is at most so long: longer than a lease lasts.
const LONGEST_PAUSE: u64 = 2000;

/// What ends a thread whose process dies.
pub struct Died;

/// A disk, the machines that share it, and the seed that says who is next.
#[derive(Debug)]
pub struct World {
    state: Mutex<State>,
    turn: Condvar,
    begin: Instant,
    coordinators: usize,
    /// Whether all are on one machine.
    one_machine: bool,
}

#[derive(Debug)]
struct State {
    tree: Tree,
    random: u64,
    /// Calls so far: the time.
    time: u64,
    patience: u64,
    /// Whose turn it is.
    current: Option<usize>,
    machines: Vec<Machine>,
    /// How many have yet to join before anybody has a turn.
    awaited: usize,
}

/// A machine as the scheduler knows it.
#[derive(Debug, Clone, Default)]
struct Machine {
    here: bool,
    dead: bool,
    /// It does nothing until then.
    until: u64,
    view: View,
}

impl State {
    /// A number below another, by xorshift.
    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    /// Says who is next; time passes until somebody is awake.
    fn next(&mut self) {
        let here: Vec<usize> = (0..self.machines.len())
            .filter(|it| self.machines[*it].here)
            .collect();
        let Some(soonest) = here.iter().map(|it| self.machines[*it].until).min() else {
            self.current = None;
            return;
        };
        self.time = self.time.max(soonest);
        let awake: Vec<usize> = here
            .into_iter()
            .filter(|it| self.machines[*it].until <= self.time)
            .collect();
        self.current = Some(awake[self.random(awake.len() as u64) as usize]);
    }
}

impl World {
    pub fn new(seed: u64, patience: u64) -> Self {
        let mut state = State {
            tree: Tree::new(),
            // A state of zero would stay zero.
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            time: 0,
            patience,
            current: None,
            machines: Vec::new(),
            awaited: 0,
        };
        state
            .tree
            .create_folder(Tree::ROOT, OsStr::new("shared"))
            .unwrap();
        state.random(1);
        let one_machine = state.random(8) == 0;
        let coordinators = 2 + state.random(2) as usize;
        state.awaited = coordinators;
        // One more has the disk to itself in the end.
        state.machines = vec![Machine::default(); coordinators + 1];
        World {
            state: Mutex::new(state),
            turn: Condvar::new(),
            begin: Instant::now(),
            coordinators,
            one_machine,
        }
    }

    pub fn coordinators(&self) -> usize {
        self.coordinators
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A thread that panics has failed the test.
        self.state.lock().expect("nobody has failed")
    }

    fn find(tree: &Tree, path: &Path) -> Node {
        let names = path.components().skip(1);
        names.fold(Tree::ROOT, |folder, name| {
            tree.child(folder, name.as_os_str()).expect("it is there")
        })
    }

    /// The names that are in a folder.
    pub fn names(&self, folder: &Path) -> Vec<String> {
        let tree = &self.state().tree;
        let names = tree.names(Self::find(tree, folder)).unwrap();
        let names = names.into_iter();
        names.map(|name| name.into_string().unwrap()).collect()
    }
}

/// A process, on a machine of its own or not.
#[derive(Debug, Clone)]
pub struct Client {
    world: Arc<World>,
    number: usize,
}

impl Client {
    pub fn new(world: &Arc<World>, number: usize) -> Self {
        Client {
            world: Arc::clone(world),
            number,
        }
    }

    pub fn number(&self) -> usize {
        self.number
    }

    /// The machine's name.
    pub fn machine(&self) -> String {
        if self.world.one_machine {
            "one".to_owned()
        } else {
            format!("machine {}", self.number)
        }
    }

    /// The time by its clock.
    pub fn now(&self) -> Instant {
        self.world.begin + Duration::from_secs(self.world.state().time)
    }

    /// Takes part from now on. Nobody has a turn before all that begin together are there.
    pub fn join(&self) {
        let mut state = self.world.state();
        state.machines[self.number].here = true;
        state.awaited = state.awaited.saturating_sub(1);
        if state.awaited == 0 && state.current.is_none() {
            state.next();
        }
        self.world.turn.notify_all();
    }

    /// Takes part no more.
    pub fn leave(&self) {
        // Another thread may have failed: its panic is the one to tell.
        let Ok(mut state) = self.world.state.lock() else {
            return;
        };
        state.machines[self.number].here = false;
        if state.current == Some(self.number) {
            state.next();
        }
        self.world.turn.notify_all();
    }

    /// Does nothing for so many calls of others.
    pub fn rest(&self, calls: u64) {
        let mut state = self.world.state();
        state.machines[self.number].until = state.time + calls;
        drop(state);
        let _ = self.call(|_, _| Ok(()));
    }

    fn wait(&self) -> MutexGuard<'_, State> {
        let mut state = self.world.state();
        while state.current != Some(self.number) {
            let woken = self.world.turn.wait(state);
            state = woken.expect("nobody has failed");
        }
        state
    }

    /// One call to the disk, when it is this process's turn.
    pub fn call<T>(
        &self,
        call: impl FnOnce(&mut Tree, &mut Looking) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.wait();
        if state.machines[self.number].dead {
            return Err(io::Error::other("it is dead"));
        }
        state.time += 1;
        assert!(state.time < state.patience, "it goes on without end");
        let alone = self.number == self.world.coordinators;
        let mut view = std::mem::take(&mut state.machines[self.number].view);
        let stale = !alone && state.random(2) == 0;
        let time = state.time;
        let mut looking = Looking {
            view: &mut view,
            time,
            stale,
        };
        let done = call(&mut state.tree, &mut looking);
        state.machines[self.number].view = view;
        if !alone {
            self.have_trouble(&mut state);
        }
        state.next();
        self.world.turn.notify_all();
        let dead = state.machines[self.number].dead;
        drop(state);
        if dead {
            // Without a word: it is meant to.
            resume_unwind(Box::new(Died));
        }
        done
    }

    /// It may pause now, for as long as it may be, or die.
    fn have_trouble(&self, state: &mut State) {
        if state.random(40) == 0 {
            let pause = state.random(LONGEST_PAUSE);
            state.machines[self.number].until = state.time + pause;
        } else if state.random(1000) == 0 {
            state.machines[self.number].dead = true;
        }
    }

    /// What the system does by itself, whoever's turn it is.
    pub fn at_once(&self, act: impl FnOnce(&mut Tree)) {
        if let Ok(mut state) = self.world.state.lock() {
            act(&mut state.tree);
        }
    }
}

/// What a machine has seen, and when.
#[derive(Debug, Clone, Default)]
pub struct View {
    children: HashMap<(Node, OsString), (Option<Node>, u64)>,
    names: HashMap<Node, (Vec<OsString>, u64)>,
}

/// A machine's look at the disk during one call.
pub struct Looking<'a> {
    view: &'a mut View,
    time: u64,
    /// Whether it goes by what it has seen.
    stale: bool,
}

impl Looking<'_> {
    fn fresh_enough(&self, seen: u64) -> bool {
        self.stale && self.time - seen < STALE
    }

    /// What a name in a folder stands for, as far as this machine knows.
    pub fn child(&mut self, tree: &Tree, folder: Node, name: &OsStr) -> io::Result<Node> {
        let key = (folder, name.to_owned());
        if let Some((child, seen)) = self.view.children.get(&key)
            && self.fresh_enough(*seen)
        {
            return child.map_or_else(super::absent, Ok);
        }
        self.saw(tree, folder, name);
        tree.child(folder, name)
    }

    /// This machine knows how the server has a name.
    pub fn saw(&mut self, tree: &Tree, folder: Node, name: &OsStr) {
        let child = tree.child(folder, name).ok();
        let key = (folder, name.to_owned());
        self.view.children.insert(key, (child, self.time));
        self.view.names.remove(&folder);
    }

    /// The names in a folder, as far as this machine knows.
    pub fn names(&mut self, tree: &Tree, folder: Node) -> io::Result<Vec<OsString>> {
        if let Some((names, seen)) = self.view.names.get(&folder)
            && self.fresh_enough(*seen)
        {
            return Ok(names.clone());
        }
        let names = tree.names(folder)?;
        self.view.names.insert(folder, (names.clone(), self.time));
        Ok(names)
    }

    pub fn resolve(&mut self, tree: &Tree, path: &Path) -> io::Result<Node> {
        let mut node = Tree::ROOT;
        for part in path.components() {
            if let Component::Normal(name) = part {
                node = self.child(tree, node, name)?;
            }
        }
        Ok(node)
    }

    /// The folder that a path lies in, and its name there.
    pub fn parent(&mut self, tree: &Tree, path: &Path) -> io::Result<(Node, OsString)> {
        let folder = path.parent().expect("no root");
        let name = path.file_name().expect("a name");
        Ok((self.resolve(tree, folder)?, name.to_owned()))
    }
}
