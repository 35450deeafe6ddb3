//! What lies on the server.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};

use super::absent;

/// A file or a folder, whatever it is called.
pub type Node = usize;

#[derive(Debug)]
enum Content {
    File(Vec<u8>),
    Folder(BTreeMap<OsString, Node>),
    /// It has no name any more. A file that is open can still be written to.
    Removed,
}

#[derive(Debug)]
pub struct Tree {
    nodes: Vec<Content>,
    /// Who holds a lock, by file and machine: one machine does not see the locks of another.
    locks: HashMap<(Node, String), usize>,
}

impl Tree {
    pub const ROOT: Node = 0;

    pub fn new() -> Self {
        Tree {
            nodes: vec![Content::Folder(BTreeMap::new())],
            locks: HashMap::new(),
        }
    }

    fn folder(&mut self, node: Node) -> io::Result<&mut BTreeMap<OsString, Node>> {
        match &mut self.nodes[node] {
            Content::Folder(names) => Ok(names),
            Content::File(_) => Err(ErrorKind::NotADirectory.into()),
            Content::Removed => absent(),
        }
    }

    pub fn is_folder(&self, node: Node) -> bool {
        matches!(self.nodes[node], Content::Folder(_))
    }

    pub fn names(&self, node: Node) -> io::Result<Vec<OsString>> {
        match &self.nodes[node] {
            Content::Folder(names) => Ok(names.keys().cloned().collect()),
            Content::File(_) => Err(ErrorKind::NotADirectory.into()),
            Content::Removed => absent(),
        }
    }

    pub fn child(&self, folder: Node, name: &OsStr) -> io::Result<Node> {
        match &self.nodes[folder] {
            Content::Folder(names) => names.get(name).copied().map_or_else(absent, Ok),
            Content::File(_) => Err(ErrorKind::NotADirectory.into()),
            Content::Removed => absent(),
        }
    }

    pub fn content(&self, file: Node) -> io::Result<&Vec<u8>> {
        match &self.nodes[file] {
            Content::File(bytes) => Ok(bytes),
            Content::Folder(_) => Err(ErrorKind::IsADirectory.into()),
            Content::Removed => absent(),
        }
    }

    fn add(&mut self, folder: Node, name: &OsStr, content: Content) -> io::Result<Node> {
        let node = self.nodes.len();
        let names = self.folder(folder)?;
        if names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        names.insert(name.to_owned(), node);
        self.nodes.push(content);
        Ok(node)
    }

    pub fn create(&mut self, folder: Node, name: &OsStr) -> io::Result<Node> {
        self.add(folder, name, Content::File(Vec::new()))
    }

    pub fn create_folder(&mut self, folder: Node, name: &OsStr) -> io::Result<()> {
        let made = self.add(folder, name, Content::Folder(BTreeMap::new()));
        made.map(drop)
    }

    pub fn append(&mut self, file: Node, bytes: &[u8]) -> io::Result<usize> {
        if let Content::File(content) = &mut self.nodes[file] {
            content.extend(bytes);
        }
        Ok(bytes.len())
    }

    pub fn rename(&mut self, from: (Node, &OsStr), to: (Node, &OsStr)) -> io::Result<()> {
        let node = self.child(from.0, from.1)?;
        if let Ok(there) = self.child(to.0, to.1)
            && let Content::Folder(names) = &self.nodes[there]
            && !names.is_empty()
        {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        self.folder(to.0)?.insert(to.1.to_owned(), node);
        self.folder(from.0)?.remove(from.1);
        Ok(())
    }

    pub fn link(&mut self, from: (Node, &OsStr), to: (Node, &OsStr)) -> io::Result<()> {
        let node = self.child(from.0, from.1)?;
        let names = self.folder(to.0)?;
        if names.contains_key(to.1) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        names.insert(to.1.to_owned(), node);
        Ok(())
    }

    pub fn remove(&mut self, folder: Node, name: &OsStr) -> io::Result<()> {
        let node = self.child(folder, name)?;
        if let Content::Folder(names) = &self.nodes[node] {
            for name in names.keys().cloned().collect::<Vec<_>>() {
                self.remove(node, &name)?;
            }
            self.nodes[node] = Content::Removed;
        }
        self.folder(folder)?.remove(name);
        Ok(())
    }

    /// Takes a lock, unless another process of the machine has it.
    pub fn lock(&mut self, node: Node, machine: &str, holder: usize) -> bool {
        let key = (node, machine.to_owned());
        *self.locks.entry(key).or_insert(holder) == holder
    }

    pub fn unlock(&mut self, node: Node, machine: &str, holder: usize) {
        let key = (node, machine.to_owned());
        if self.locks.get(&key) == Some(&holder) {
            self.locks.remove(&key);
        }
    }
}
