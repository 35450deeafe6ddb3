//! What a disk remembers after the power was cut.
//!
//! A name that was made, moved or removed lasts once its folder is synced, and what a file holds once the
//! file is. Of the rest any part may be left: names in any order, files cut, zeroed or torn. A rename
//! happens or does not.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::journal::{Entry, What};

type Node = usize;
type Name = (Node, OsString);

/// A disk as it is, and as far as it lasts.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    root: PathBuf,
    nodes: Vec<Content>,
    names: BTreeMap<Name, Node>,
    lasting: BTreeMap<Name, Node>,
    /// Which change a lasting name was last changed by.
    changed_by: HashMap<Name, usize>,
    /// Changes of names that do not last yet, in their order.
    pending: Vec<Change>,
    changes: usize,
    handles: HashMap<(u32, u64), Node>,
}

#[derive(Debug, Clone)]
enum Content {
    Folder,
    File { lasting: Vec<u8>, written: Vec<u8> },
}

/// Names that change together.
#[derive(Debug, Clone)]
struct Change {
    number: usize,
    names: Vec<(Name, Option<Node>)>,
}

impl Remembered {
    /// An empty disk below this folder.
    pub fn new(root: &Path) -> Self {
        Remembered {
            root: root.to_owned(),
            nodes: vec![Content::Folder],
            ..Remembered::default()
        }
    }

    /// The folder that a path lies in and its name there; nothing of a path elsewhere.
    fn at(&self, path: &Path) -> Option<Name> {
        let inside = if path.is_absolute() {
            path.strip_prefix(&self.root).ok()?
        } else {
            path
        };
        let parts: Vec<OsString> = inside
            .components()
            .filter_map(|part| match part {
                Component::Normal(name) => Some(name.to_owned()),
                _ => None,
            })
            .collect();
        let (last, above) = parts.split_last()?;
        let mut folder = 0;
        for name in above {
            folder = *self.names.get(&(folder, name.clone()))?;
        }
        Some((folder, last.clone()))
    }

    fn node(&self, path: &Path) -> Option<Node> {
        match self.at(path) {
            Some(name) => self.names.get(&name).copied(),
            None => path.is_relative().then_some(0).or_else(|| {
                let root = path == self.root;
                root.then_some(0)
            }),
        }
    }

    fn change(&mut self, names: Vec<(Name, Option<Node>)>) {
        for (name, node) in &names {
            match node {
                Some(node) => self.names.insert(name.clone(), *node),
                None => self.names.remove(name),
            };
        }
        self.changes += 1;
        self.pending.push(Change {
            number: self.changes,
            names,
        });
    }

    fn add(&mut self, name: Name, content: Content) -> Node {
        let node = self.nodes.len();
        self.nodes.push(content);
        self.change(vec![(name, Some(node))]);
        node
    }

    /// Goes on by a call that was done.
    pub fn call(&mut self, call: &Entry) {
        if !call.done {
            return;
        }
        match &call.what {
            What::Open { handle } => {
                let Some(name) = self.at(&call.path) else {
                    return;
                };
                let known = self.names.get(&name).copied();
                let empty = Content::File {
                    lasting: Vec::new(),
                    written: Vec::new(),
                };
                let node = known.unwrap_or_else(|| self.add(name, empty));
                self.handles.insert((call.process, *handle), node);
            }
            What::Write { handle, bytes } => {
                let node = self.handles.get(&(call.process, *handle));
                if let Some(Content::File { written, .. }) = node.map(|it| &mut self.nodes[*it]) {
                    written.extend(unhex(bytes));
                }
            }
            What::SyncFile { handle } => {
                let node = self.handles.get(&(call.process, *handle));
                if let Some(Content::File { lasting, written }) =
                    node.map(|it| &mut self.nodes[*it])
                {
                    lasting.append(written);
                }
            }
            What::CreateFolder => {
                if let Some(name) = self.at(&call.path) {
                    self.add(name, Content::Folder);
                }
            }
            What::Rename { to } => {
                if let (Some(from), Some(to)) = (self.at(&call.path), self.at(to)) {
                    let node = self.names[&from];
                    self.change(vec![(to, Some(node)), (from, None)]);
                }
            }
            What::Link { to } => {
                if let (Some(from), Some(to)) = (self.at(&call.path), self.at(to)) {
                    let node = self.names[&from];
                    self.change(vec![(to, Some(node))]);
                }
            }
            What::Remove => {
                if let Some(name) = self.at(&call.path) {
                    self.remove(name);
                }
            }
            What::SyncFolder => {
                if let Some(folder) = self.node(&call.path) {
                    self.sync_folder(folder);
                }
            }
            What::Read | What::List | What::Look | What::Lock => {}
        }
    }

    fn remove(&mut self, name: Name) {
        let Some(node) = self.names.get(&name).copied() else {
            return;
        };
        let inside: Vec<Name> = self
            .names
            .keys()
            .filter(|(folder, _)| *folder == node)
            .cloned()
            .collect();
        for name in inside {
            self.remove(name);
        }
        self.change(vec![(name, None)]);
    }

    fn sync_folder(&mut self, folder: Node) {
        let here = |change: &Change| change.names.iter().any(|((it, _), _)| *it == folder);
        let (synced, pending) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(here);
        self.pending = pending;
        let synced: Vec<Change> = synced;
        for change in synced {
            self.make_last(&change);
        }
    }

    fn make_last(&mut self, change: &Change) {
        for (name, node) in &change.names {
            let last = self.changed_by.entry(name.clone()).or_default();
            if *last > change.number {
                continue;
            }
            *last = change.number;
            match node {
                Some(node) => self.lasting.insert(name.clone(), *node),
                None => self.lasting.remove(name),
            };
        }
    }

    /// Writes what is left after a power cut into a folder. The seeds 0 to 2 are those of a disk that
    /// forgets all it may, of one that keeps names and forgets what files hold, and of one that keeps
    /// everything; others are random.
    pub fn cut(&self, seed: u64, into: &Path) {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (seed << 17) ^ self.changes as u64);
        let mut left = self.clone();
        for change in std::mem::take(&mut left.pending) {
            let kept = match seed {
                0 => false,
                1 | 2 => true,
                _ => random.below(2) == 0,
            };
            if kept {
                left.make_last(&change);
            }
        }
        left.write(0, into, seed, &mut random, &mut BTreeSet::new());
    }

    fn write(
        &self,
        folder: Node,
        into: &Path,
        seed: u64,
        random: &mut Random,
        seen: &mut BTreeSet<Node>,
    ) {
        fs::create_dir_all(into).expect("a folder");
        for ((within, name), node) in &self.lasting {
            if *within != folder {
                continue;
            }
            let path = into.join(name);
            match &self.nodes[*node] {
                // A folder that lasts under two names, as half of a move, is under the first.
                Content::Folder if !seen.insert(*node) => {}
                Content::Folder => self.write(*node, &path, seed, random, seen),
                Content::File { lasting, written } => {
                    let mut bytes = lasting.clone();
                    bytes.extend(torn(written, seed, random));
                    fs::write(&path, bytes).expect("a file");
                }
            }
        }
    }
}

/// What is left of bytes that were not synced.
fn torn(written: &[u8], seed: u64, random: &mut Random) -> Vec<u8> {
    let length = random.below(written.len() as u64 + 1) as usize;
    match seed {
        0 | 1 => Vec::new(),
        2 => written.to_vec(),
        _ => match random.below(4) {
            0 => written.to_vec(),
            1 => written[..length].to_vec(),
            2 => vec![0; written.len()],
            _ => {
                let mut bytes = written[..length].to_vec();
                bytes.resize(written.len(), 0);
                bytes
            }
        },
    }
}

/// Xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let digits = digits.map(|two| std::str::from_utf8(two).expect("hexadecimal digits"));
    digits
        .map(|two| u8::from_str_radix(two, 16).expect("hexadecimal digits"))
        .collect()
}
