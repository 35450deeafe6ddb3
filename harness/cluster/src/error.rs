//! What a cluster refuses, and what to do about it.

use isoflop_files::FileError;

/// A cluster that cannot be used, or does not want what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The engine's programs are not on this machine.
    #[error(
        "`{0}` is not on this machine, so there is no cluster to ask\n  help: submit from a machine of the cluster; `--dry-run` \
         prints what to take there; without a cluster, `isoflop run` on several machines with one shared folder splits the \
         work as well"
    )]
    NoProgram(String),
    /// The engine refused.
    #[error("{engine} refuses: {message}{}", help(message))]
    Refused {
        /// Who.
        engine: &'static str,
        /// What it said.
        message: String,
    },
    /// The record of what was submitted cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The record of what was submitted is damaged.
    #[error(
        "{path} is no list of submissions: {message}\n  help: remove it; the cells' results do not depend on it"
    )]
    Record {
        /// The file.
        path: String,
        /// What is wrong with it.
        message: String,
    },
}

/// What to do about what an engine said.
fn help(message: &str) -> String {
    let known = [
        // It names the partition as well.
        (
            "ccount",
            "`sacctmgr show associations user=$USER` lists your accounts; name one with `--account`",
        ),
        (
            "artition",
            "`sinfo` lists the partitions; name one with `--partition`",
        ),
        (
            "node configuration",
            "no node has so much: `sinfo -o '%P %c %m %G'` shows what nodes have; `--cpus` asks for fewer cores, \
          and with them for less memory",
        ),
        (
            "More processors",
            "no node has so many cores: `--cpus` asks for fewer",
        ),
        (
            "time limit",
            "`sinfo -o '%P %l'` shows the limits; name a shorter one with `--time`: cells go on where they were",
        ),
        (
            "gres",
            "`sinfo -o '%P %G'` shows which nodes have GPUs, and what they are called: `--gpus a100:1`",
        ),
        (
            "connection refused",
            "`kubectl cluster-info` shows whether the server can be reached; nothing was applied",
        ),
        (
            "configuration source",
            "this machine belongs to no cluster: submit from one that does",
        ),
        (
            "Unable to contact",
            "Slurm's controller does not answer; nothing was submitted; try again later",
        ),
    ];
    let found = known.iter().find(|(words, _)| message.contains(words));
    found.map_or_else(String::new, |(_, help)| format!("\n  help: {help}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slurm 22.05's own words.
    #[test]
    fn what_is_refused_is_told_with_what_to_do() {
        for (message, flag) in [
            (
                "Invalid account or account/partition combination specified",
                "--account",
            ),
            ("invalid partition specified: nope", "--partition"),
            ("Requested node configuration is not available", "--cpus"),
            ("Invalid generic resource (gres) specification", "--gpus"),
        ] {
            let refused = ClusterError::Refused {
                engine: "Slurm",
                message: message.to_owned(),
            };
            assert!(refused.to_string().contains(flag), "{refused}");
        }
    }
}
