//! Settings changed on the command line: `model.tied_head=false`.

use std::str::FromStr;

use toml_edit::{DocumentMut, Item, Table, Value};

/// A setting of a definition, with another value.
#[derive(Debug, Clone)]
pub struct Change {
    /// Keys from the outermost on.
    path: Vec<String>,
    value: Value,
}

/// A change that cannot be read, or not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoChange(String);

impl FromStr for Change {
    type Err = NoChange;

    fn from_str(text: &str) -> Result<Self, NoChange> {
        let (path, value) = text.split_once('=').ok_or_else(|| {
            NoChange("write it as KEY=VALUE, such as model.tied_head=false".to_owned())
        })?;
        let path: Vec<String> = path.split('.').map(|key| key.trim().to_owned()).collect();
        if path.iter().any(String::is_empty) {
            return Err(NoChange(format!("a key of `{text}` is empty")));
        }
        // A word need not be quoted.
        let read = value.trim().parse();
        Ok(Change {
            path,
            value: read.unwrap_or_else(|_| Value::from(value.trim())),
        })
    }
}

impl Change {
    /// Makes the change in a definition's text. In a list of tables, as `[[sweep]]` is, it is made in
    /// each of them.
    pub(crate) fn make(&self, text: &mut DocumentMut) -> Result<(), NoChange> {
        self.make_in(text.as_table_mut(), &self.path)
    }

    fn make_in(&self, table: &mut Table, path: &[String]) -> Result<(), NoChange> {
        let (key, rest) = path.split_first().expect("a path has a key");
        if rest.is_empty() {
            table[key] = Item::Value(self.value.clone());
            return Ok(());
        }
        let inner = table.entry(key).or_insert(Item::Table(Table::new()));
        match inner {
            Item::Table(inner) => self.make_in(inner, rest),
            Item::ArrayOfTables(all) => all
                .iter_mut()
                .try_for_each(|inner| self.make_in(inner, rest)),
            _ => Err(NoChange(format!(
                "`{key}` of `{}` is no table of the definition",
                self.path.join(".")
            ))),
        }
    }
}
