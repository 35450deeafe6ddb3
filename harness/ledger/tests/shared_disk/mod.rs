//! A disk that several machines share, as one thinks of NFS: what is done is done at the server at once,
//! and what is seen may be as it was a while ago. A folder that was renamed is still found under its old
//! name by a machine that has looked it up, and a name that is new may not be there yet.

mod scheduler;
mod tree;

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use isoflop_files::{FileSystem, Kind, OpenFile, Opening};

pub use scheduler::{Client, Died, World};

thread_local! {
    static ME: RefCell<Option<Client>> = const { RefCell::new(None) };
}

/// This thread is a machine from now on.
pub fn enter(client: &Client) {
    ME.with(|me| *me.borrow_mut() = Some(client.clone()));
    client.join();
}

/// This thread is none any more.
pub fn leave(client: &Client) {
    client.leave();
    ME.with(|me| *me.borrow_mut() = None);
}

fn me() -> Client {
    ME.with(|me| me.borrow().clone()).expect("a machine")
}

/// The disk, of whichever world is played.
#[derive(Debug, Clone, Default)]
pub struct Shared(Arc<Mutex<Option<Arc<World>>>>);

impl Shared {
    pub fn begin(&self, world: &Arc<World>) {
        *self.0.lock().unwrap() = Some(Arc::clone(world));
    }
}

impl FileSystem for Shared {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let me = me();
        if path.starts_with("/proc") {
            return Ok(me.machine().into_bytes());
        }
        me.call(|tree, view| {
            let (folder, name) = view.parent(tree, path)?;
            // What is there is asked for when it is opened; what was not there may be believed not to be.
            view.child(tree, folder, &name)?;
            let file = tree.child(folder, &name)?;
            tree.content(file).cloned()
        })
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        me().call(|tree, view| {
            let folder = view.resolve(tree, folder)?;
            view.names(tree, folder)
        })
    }

    fn kind(&self, path: &Path) -> io::Result<Kind> {
        me().call(|tree, view| {
            let node = view.resolve(tree, path)?;
            Ok(if tree.is_folder(node) {
                Kind::Folder
            } else {
                Kind::File(tree.content(node)?.len() as u64)
            })
        })
    }

    fn open(&self, path: &Path, how: Opening) -> io::Result<Box<dyn OpenFile>> {
        let me = me();
        let node = me.call(|tree, view| {
            let (folder, name) = view.parent(tree, path)?;
            let node = match how {
                Opening::New => tree.create(folder, &name),
                // The server is asked.
                Opening::Append => tree
                    .child(folder, &name)
                    .or_else(|_| tree.create(folder, &name)),
                Opening::Lock => tree.child(folder, &name),
            }?;
            view.saw(tree, folder, &name);
            Ok(node)
        })?;
        Ok(Box::new(Open { client: me, node }))
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        me().call(|tree, view| {
            let (above, name) = view.parent(tree, folder)?;
            let made = tree.create_folder(above, &name);
            view.saw(tree, above, &name);
            made
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        me().call(|tree, view| {
            let (old, old_name) = view.parent(tree, from)?;
            let (new, new_name) = view.parent(tree, to)?;
            let moved = tree.rename((old, &old_name), (new, &new_name));
            view.saw(tree, old, &old_name);
            view.saw(tree, new, &new_name);
            moved
        })
    }

    fn link(&self, file: &Path, name: &Path) -> io::Result<()> {
        me().call(|tree, view| {
            let (old, old_name) = view.parent(tree, file)?;
            let (new, new_name) = view.parent(tree, name)?;
            let linked = tree.link((old, &old_name), (new, &new_name));
            view.saw(tree, new, &new_name);
            linked
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        me().call(|tree, view| {
            let (folder, name) = view.parent(tree, path)?;
            let removed = tree.remove(folder, &name);
            view.saw(tree, folder, &name);
            removed
        })
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        me().call(|_, _| Ok(()))
    }
}

/// A file that is open: it is written to wherever it has gone.
struct Open {
    client: Client,
    node: tree::Node,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.node)
    }
}

impl Write for Open {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let node = self.node;
        self.client.call(|tree, _| tree.append(node, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl OpenFile for Open {
    fn sync(&mut self) -> io::Result<()> {
        self.client.call(|_, _| Ok(()))
    }

    fn lock(&self) -> io::Result<bool> {
        let (node, machine) = (self.node, self.client.machine());
        let holder = self.client.number();
        self.client
            .call(|tree, _| Ok(tree.lock(node, &machine, holder)))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let (node, machine) = (self.node, self.client.machine());
        let holder = self.client.number();
        self.client
            .at_once(|tree| tree.unlock(node, &machine, holder));
    }
}

fn absent<T>() -> io::Result<T> {
    Err(ErrorKind::NotFound.into())
}
