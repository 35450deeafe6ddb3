//! Datasets of the Hugging Face hub, from a server on this machine that drops its connections.
#![cfg(feature = "hub")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use isoflop_corpus::Corpus;
use isoflop_suite::Definition;
use sha2::{Digest, Sha256};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the server does wrong, and what it was asked.
#[derive(Default)]
struct Faults {
    /// Ends each answer after so many bytes, though it promised more; 0: never.
    cut: AtomicUsize,
    /// Ends it in good order, as a proxy does that gives up.
    lies: AtomicBool,
    requests: AtomicUsize,
}

struct Server {
    file: Vec<u8>,
    faults: Faults,
}

impl Server {
    fn answer(&self, stream: &TcpStream) -> Option<()> {
        self.faults.requests.fetch_add(1, Relaxed);
        let mut lines = BufReader::new(stream).lines();
        let request = lines.next()?.ok()?;
        let path = request.split(' ').nth(1)?.to_owned();
        let headers = lines
            .map_while(Result::ok)
            .take_while(|line| !line.is_empty());
        let range = headers
            .filter_map(|line| {
                Some(
                    line.to_ascii_lowercase()
                        .strip_prefix("range: bytes=")?
                        .to_owned(),
                )
            })
            .last();
        let mut out = stream;
        if path == "/api/datasets/owner/texts/revision/main" {
            let files = [".gitattributes", "README.md", "data/train-0.jsonl"]
                .map(|it| serde_json::json!({"rfilename": it}));
            let body = serde_json::json!({"sha": COMMIT, "siblings": files}).to_string();
            return write!(
                out,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            )
            .ok();
        }
        if path != format!("/datasets/owner/texts/resolve/{COMMIT}/data/train-0.jsonl") {
            return write!(
                out,
                "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            .ok();
        }
        let (from, to) = range.as_deref()?.split_once('-')?;
        let all = self.file.len();
        let from: usize = from.parse().ok()?;
        let to = to.parse().map_or(all, |to: usize| (to + 1).min(all));
        let body = &self.file[from..to];
        let cut = self.faults.cut.load(Relaxed);
        let sent = if cut > 0 {
            &body[..body.len().min(cut)]
        } else {
            body
        };
        let promised = if self.faults.lies.load(Relaxed) {
            sent.len()
        } else {
            body.len()
        };
        let etag = hex::encode(Sha256::digest(&self.file));
        write!(
            out,
            "HTTP/1.1 206 Partial Content\r\nX-Repo-Commit: {COMMIT}\r\nETag: \"{etag}\"\r\nContent-Range: bytes {from}-{}/{all}\r\n\
             Content-Length: {promised}\r\nConnection: close\r\n\r\n",
            to - 1
        )
        .ok()?;
        out.write_all(sent).ok()
    }
}

fn serve(file: Vec<u8>) -> (Arc<Server>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = Arc::new(Server {
        file,
        faults: Faults::default(),
    });
    let serving = Arc::clone(&server);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let server = Arc::clone(&serving);
            std::thread::spawn(move || server.answer(&stream.unwrap()));
        }
    });
    (server, address)
}

fn prepare(corpus: &str, folder: &Path) -> Result<Corpus, String> {
    let definition = Definition::parse(corpus, "test.toml").unwrap();
    let cache = folder.join("cache");
    Corpus::prepare(&definition, folder, &cache).map_err(|error| error.to_string())
}

/// One test, as the hub's place is a variable of the whole process.
#[test]
fn a_dataset_is_whole_whatever_the_connection_does() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let texts = (0..4000u64).map(|number| {
        let words = (0..20).map(|word| format!("w{} ", number * 7919 + word * word));
        serde_json::json!({"text": words.collect::<String>()}).to_string() + "\n"
    });
    let file: String = texts.collect();
    let (server, address) = serve(file.clone().into_bytes());
    // SAFETY: nothing else runs in this process yet but the server, which reads no variable.
    unsafe {
        std::env::set_var("HF_ENDPOINT", &address);
        std::env::set_var("HF_HOME", folder.join("huggingface"));
    }
    const HUB: &str = "[corpus.hub]\ndataset = \"owner/texts\"";

    // What came is not what was promised, though the connection ended in good order.
    server.faults.cut.store(file.len() / 3, Relaxed);
    server.faults.lies.store(true, Relaxed);
    let text = prepare(HUB, folder).unwrap_err();
    assert!(
        text.starts_with("the dataset owner/texts, revision main: data/train-0.jsonl: "),
        "{text}"
    );
    assert!(text.ends_with("help: try again"), "{text}");
    server.faults.lies.store(false, Relaxed);

    // Each connection brings a sixth of the file.
    server.faults.cut.store(file.len() / 6 + 1, Relaxed);
    let before = server.faults.requests.load(Relaxed);
    let corpus = prepare(HUB, folder).unwrap();
    let requests = server.faults.requests.load(Relaxed) - before;
    assert!((6..=9).contains(&requests), "{requests}");
    assert_eq!(corpus.census.as_ref().unwrap().documents, 4000);
    let name = &corpus.held_out[0].name;
    assert!(name.starts_with("data/train-0.jsonl:"), "{name}");

    // The same file from the disk is the same corpus.
    fs::write(folder.join("all.jsonl"), &file).unwrap();
    let plain = prepare("[corpus.files]\npaths = [\"all.jsonl\"]", folder).unwrap();
    assert_eq!(corpus.facts.sha256, plain.facts.sha256);

    // What was prepared needs no server, and no file of the hub's cache.
    let before = server.faults.requests.load(Relaxed);
    fs::remove_dir_all(folder.join("huggingface")).unwrap();
    let again = prepare(HUB, folder).unwrap();
    assert_eq!(again.facts.sha256, corpus.facts.sha256);
    assert_eq!(server.faults.requests.load(Relaxed), before);

    let text = prepare("[corpus.hub]\ndataset = \"owner/others\"", folder).unwrap_err();
    assert!(
        text.contains("status: 404") && text.contains("no such dataset"),
        "{text}"
    );
    let text = prepare(&format!("{HUB}\nfiles = [\"*.parquet\"]"), folder).unwrap_err();
    assert!(text.contains("of its 3 files none is read"), "{text}");
}
