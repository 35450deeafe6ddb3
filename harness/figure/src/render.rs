//! From Plotters' SVG to an SVG without text and to a PNG.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, Options, Tree, WriteOptions, fontdb};

use crate::FigureError;
use crate::pdf::pdf;

/// DejaVu Sans, without the scripts that figures do not use.
pub const FONT: &[u8] = include_bytes!("../font/DejaVuSans-subset.ttf");
/// As the font calls itself.
pub const FONT_NAME: &str = "DejaVu Sans";

/// Pixels of the PNG per unit of the SVG.
const PIXELS: f32 = 2.0;

/// A figure, drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// An SVG whose text is outlined: it needs no font.
    pub svg: String,
    /// The same as PNG.
    pub png: Vec<u8>,
    /// An SVG whose text is text, which can be searched and edited and takes a font of the reader's.
    pub with_text: String,
}

impl Picture {
    /// The figure as PDF, its text outlined.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn pdf(&self) -> Result<Vec<u8>, FigureError> {
        pdf(&tree(&self.with_text)?)
    }
}

fn tree(drawn: &str) -> Result<Tree, FigureError> {
    let options = Options {
        fontdb: Arc::clone(&FONTS),
        font_family: FONT_NAME.to_owned(),
        ..Options::default()
    };
    Tree::from_str(drawn, &options).map_err(|error| FigureError::Render(error.to_string()))
}

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(FONT.to_vec());
    Arc::new(fonts)
});

/// Renders an SVG of Plotters. `note` says where the figure is from and stands at the SVG's head.
pub fn render(drawn: &str, note: &str) -> Result<Picture, FigureError> {
    let failed = |what: String| FigureError::Render(what);
    let tree = tree(drawn)?;
    let outlined = tree.to_string(&WriteOptions {
        coordinates_precision: 3,
        transforms_precision: 3,
        indent: usvg::WriteOptions::default().indent,
        ..WriteOptions::default()
    });
    // A comment may not hold two hyphens in a row.
    let head = format!("<!-- {} -->\n", note.replace("--", "- -"));
    let size = tree.size();
    let pixels = |length: f32| (length * PIXELS).round() as u32;
    let mut pixmap = Pixmap::new(pixels(size.width()), pixels(size.height()))
        .ok_or_else(|| failed("a figure of no size".into()))?;
    resvg::render(
        &tree,
        Transform::from_scale(PIXELS, PIXELS),
        &mut pixmap.as_mut(),
    );
    let png = pixmap
        .encode_png()
        .map_err(|error| failed(error.to_string()))?;
    Ok(Picture {
        svg: format!("{head}{outlined}"),
        png,
        with_text: format!("{head}{drawn}"),
    })
}
