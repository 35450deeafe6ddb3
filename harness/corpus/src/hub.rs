//! Datasets of the Hugging Face hub. What a revision is, and which files are read, is looked up once and kept in the cache,
//! so that a branch that moves on changes no suite; files go to the hub's own cache, which other programs share.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, CacheRepo, Repo, RepoType};
use isoflop_files::{create_folders, disk, exists, sha256, write_atomically};
use isoflop_suite::HubCorpus;
use memmap2::Mmap;
use serde::{Deserialize, Serialize};

use crate::CorpusError;
use crate::text::TextFile;
use crate::texts::may_hold_text;

/// Times that a request, or a file that stops in the middle, is tried again.
const RETRIES: usize = 8;

/// What a definition means at the hub.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Listing {
    /// The commit that the revision named when it was looked up.
    pub commit: String,
    /// The files that are read, in order.
    pub files: Vec<String>,
}

/// What a definition means: as it was looked up before, or now.
pub fn listing(cache: &Path, hub: &HubCorpus) -> Result<Listing, CorpusError> {
    create_folders(cache)?;
    let question = (&hub.dataset, &hub.revision, &hub.files);
    let question = serde_json::to_vec(&question).expect("names are plain data");
    let kept = cache.join(format!("hub-{}.json", &sha256(&question)[..32]));
    if exists(&kept)? {
        let text = disk().read(&kept).map_err(CorpusError::io(&kept))?;
        if let Ok(listing) = serde_json::from_slice(&text) {
            return Ok(listing);
        }
    }
    let listing = looked_up(hub)?;
    let text = serde_json::to_vec_pretty(&listing).expect("names are plain data");
    write_atomically(&kept, &text)?;
    Ok(listing)
}

fn looked_up(hub: &HubCorpus) -> Result<Listing, CorpusError> {
    let wrong = |message: String| refused(hub, message);
    let patterns: Vec<glob::Pattern> = hub
        .files
        .iter()
        .map(|it| glob::Pattern::new(it).map_err(|error| wrong(format!("`{it}`: {error}"))))
        .collect::<Result<_, _>>()?;
    let repo = connect(hub)?.repo(at(hub, &hub.revision));
    let info = tried(|| repo.info()).map_err(|error| wrong(why(&error)))?;
    let all = info.siblings.into_iter().map(|file| file.rfilename);
    let is_wanted = |name: &String| {
        if patterns.is_empty() {
            may_hold_text(name)
        } else {
            patterns.iter().any(|pattern| pattern.matches(name))
        }
    };
    let (mut files, others): (Vec<String>, Vec<String>) = all.partition(is_wanted);
    files.sort();
    if files.is_empty() {
        return Err(wrong(format!(
            "of its {} files none is read{}\n  help: name them with `files = [\"data/*.parquet\"]` in [corpus.hub]",
            others.len(),
            others
                .first()
                .map_or_else(String::new, |it| format!(", {it} for one")),
        )));
    }
    Ok(Listing {
        commit: info.sha,
        files,
    })
}

/// The files, downloaded where they are not in the hub's cache yet.
pub fn fetched(hub: &HubCorpus, listing: &Listing) -> Result<Vec<TextFile>, CorpusError> {
    let api = connect(hub)?;
    let asked = at(hub, &listing.commit);
    let known = Cache::from_env().repo(asked.clone());
    let repo = api.repo(asked);
    let file = |name: &String| {
        Ok(TextFile {
            name: name.clone(),
            path: file(&api, &repo, &known, &listing.commit, name)
                .map_err(|message| refused(hub, format!("{name}: {message}")))?,
        })
    };
    listing.files.iter().map(file).collect()
}

fn at(hub: &HubCorpus, revision: &str) -> Repo {
    Repo::with_revision(hub.dataset.clone(), RepoType::Dataset, revision.to_owned())
}

fn connect(hub: &HubCorpus) -> Result<Api, CorpusError> {
    let mut builder = ApiBuilder::from_env().with_retries(RETRIES);
    if let Ok(token) = std::env::var("HF_TOKEN") {
        builder = builder.with_token(Some(token));
    }
    builder.build().map_err(|error| refused(hub, why(&error)))
}

/// A file, whole: from the hub's cache, or downloaded into it.
fn file(
    api: &Api,
    repo: &ApiRepo,
    known: &CacheRepo,
    at: &str,
    name: &str,
) -> Result<PathBuf, String> {
    let path = known.pointer_path(at).join(name);
    let mut is_whole = true;
    if !path.exists() {
        let facts = tried(|| api.metadata(&repo.url(name))).map_err(|error| why(&error))?;
        tried(|| repo.download(name)).map_err(|error| why(&error))?;
        // hf-hub 0.5 publishes what has come when a connection ends, however much that is.
        let length = fs::metadata(&path)
            .map_err(|error| error.to_string())?
            .len();
        is_whole = length == facts.size() as u64;
    }
    let blob = fs::canonicalize(&path).map_err(|error| error.to_string())?;
    if is_whole && is_what_it_says(&blob).map_err(|error| error.to_string())? {
        return Ok(path);
    }
    for gone in [path, blob] {
        fs::remove_file(&gone).map_err(|error| format!("{}: {error}", gone.display()))?;
    }
    Err(
        "what is in the hub's cache is not what the hub has, and is removed\n  help: try again"
            .to_owned(),
    )
}

/// Whether a large file has the SHA-256 that is its name in the cache; small ones have another name.
fn is_what_it_says(blob: &Path) -> std::io::Result<bool> {
    let name = blob.file_name().unwrap_or_default().to_string_lossy();
    if name.len() != 64 {
        return Ok(true);
    }
    let opened = fs::File::open(blob)?;
    if opened.metadata()?.len() == 0 {
        return Ok(false);
    }
    // SAFETY: a file that is written to while it is read has another hash, as it would have when read.
    let map = unsafe { Mmap::map(&opened) }?;
    Ok(sha256(&map) == name)
}

/// Tries again what a connection that was dropped has stopped.
fn tried<T>(what: impl Fn() -> Result<T, ApiError>) -> Result<T, ApiError> {
    let mut wait = Duration::from_millis(200);
    for _ in 0..RETRIES {
        match what() {
            Err(error) if status(&error).is_none_or(|it| it >= 500) => {}
            done => return done,
        }
        sleep(wait);
        wait = (2 * wait).min(Duration::from_secs(5));
    }
    what()
}

fn status(error: &ApiError) -> Option<u16> {
    match error {
        ApiError::RequestError(error) => match **error {
            ureq::Error::StatusCode(status) => Some(status),
            _ => None,
        },
        ApiError::TooManyRetries(error) => status(error),
        _ => None,
    }
}

fn why(error: &ApiError) -> String {
    match status(error) {
        Some(401 | 403) => format!(
            "{error}\n  help: the hub wants to know who asks: accept the dataset's conditions on its page, and give a token in \
             the variable HF_TOKEN"
        ),
        Some(404) => format!(
            "{error}\n  help: there is no such dataset, revision or file, or it is not for everybody"
        ),
        Some(_) => error.to_string(),
        None => format!(
            "{error}\n  help: where the hub cannot be reached, copy the dataset's files here and name them in [corpus.files]; \
             the variable HF_ENDPOINT names a mirror"
        ),
    }
}

fn refused(hub: &HubCorpus, message: String) -> CorpusError {
    CorpusError::Hub {
        dataset: hub.dataset.clone(),
        revision: hub.revision.clone(),
        message,
    }
}
