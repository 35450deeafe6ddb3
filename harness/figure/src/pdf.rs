//! A figure as PDF: its outlines, which need no font.
//!
//! `svg2pdf` would do, but its newest version (0.13) brings an older `usvg` with it, and a second text shaper;
//! figures hold nothing but filled and stroked paths of one colour each.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref};
use resvg::tiny_skia::{PathSegment, Transform};
use resvg::usvg::{Color, FillRule, Group, Node, Paint, Path, Tree};

use crate::FigureError;

/// The one page of a figure.
pub fn pdf(tree: &Tree) -> Result<Vec<u8>, FigureError> {
    let mut page = Page {
        content: Content::new(),
        alphas: BTreeMap::new(),
    };
    let size = tree.size();
    // PDF counts upwards.
    let upright = Transform::from_row(1.0, 0.0, 0.0, -1.0, 0.0, size.height());
    page.group(tree.root(), upright, 1.0)?;
    let content = page.content.finish();
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    let packed = packed
        .write_all(&content)
        .and_then(|()| packed.finish())
        .map_err(|error| FigureError::Render(error.to_string()))?;

    let [catalog, pages, sheet, stream] = [1, 2, 3, 4].map(Ref::new);
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(pages);
    pdf.pages(pages).kids([sheet]).count(1);
    let mut written = pdf.page(sheet);
    written
        .parent(pages)
        .media_box(Rect::new(0.0, 0.0, size.width(), size.height()))
        .contents(stream);
    let mut resources = written.resources();
    let mut states = resources.ext_g_states();
    for (thousandths, name) in &page.alphas {
        let alpha = f32::from(*thousandths) / 1000.0;
        let mut state = states
            .insert(Name(name.as_bytes()))
            .start::<pdf_writer::writers::ExtGraphicsState>();
        state.stroking_alpha(alpha).non_stroking_alpha(alpha);
    }
    states.finish();
    resources.finish();
    written.finish();
    pdf.stream(stream, &packed).filter(Filter::FlateDecode);
    Ok(pdf.finish())
}

/// What is written of a page so far.
struct Page {
    content: Content,
    /// States of transparency, by thousandths of opacity.
    alphas: BTreeMap<u16, String>,
}

impl Page {
    /// What a group holds, which lets so much of what is behind it through.
    fn group(
        &mut self,
        group: &Group,
        upright: Transform,
        opacity: f32,
    ) -> Result<(), FigureError> {
        let opacity = opacity * group.opacity().get();
        for node in group.children() {
            match node {
                Node::Group(group) => self.group(group, upright, opacity)?,
                Node::Path(path) => self.path(path, upright, opacity)?,
                Node::Text(text) => self.group(text.flattened(), upright, opacity)?,
                Node::Image(_) => return Err(FigureError::Render("a figure with an image".into())),
            }
        }
        Ok(())
    }

    fn path(&mut self, path: &Path, upright: Transform, opacity: f32) -> Result<(), FigureError> {
        let place = path.abs_transform().post_concat(upright);
        let Transform {
            sx,
            ky,
            kx,
            sy,
            tx,
            ty,
        } = place;
        if let Some(fill) = path.fill() {
            self.content
                .save_state()
                .transform([sx, ky, kx, sy, tx, ty]);
            self.opacity(opacity * fill.opacity().get());
            let [r, g, b] = colour(fill.paint())?;
            self.content.set_fill_rgb(r, g, b);
            self.outline(path);
            match fill.rule() {
                FillRule::NonZero => self.content.fill_nonzero(),
                FillRule::EvenOdd => self.content.fill_even_odd(),
            };
            self.content.restore_state();
        }
        if let Some(stroke) = path.stroke() {
            self.content
                .save_state()
                .transform([sx, ky, kx, sy, tx, ty]);
            self.opacity(opacity * stroke.opacity().get());
            let [r, g, b] = colour(stroke.paint())?;
            self.content.set_stroke_rgb(r, g, b);
            self.content.set_line_width(stroke.width().get());
            self.content.set_miter_limit(stroke.miterlimit().get());
            self.outline(path);
            self.content.stroke();
            self.content.restore_state();
        }
        Ok(())
    }

    fn opacity(&mut self, opacity: f32) {
        let thousandths = (1000.0 * opacity).round() as u16;
        if thousandths < 1000 {
            let name = self
                .alphas
                .entry(thousandths)
                .or_insert_with(|| format!("a{thousandths}"));
            self.content.set_parameters(Name(name.as_bytes()));
        }
    }

    fn outline(&mut self, path: &Path) {
        let mut last = [0.0, 0.0];
        for segment in path.data().segments() {
            match segment {
                PathSegment::MoveTo(to) => {
                    self.content.move_to(to.x, to.y);
                    last = [to.x, to.y];
                }
                PathSegment::LineTo(to) => {
                    self.content.line_to(to.x, to.y);
                    last = [to.x, to.y];
                }
                PathSegment::QuadTo(by, to) => {
                    // The same curve as a cubic.
                    let [x, y] = last;
                    let third = |from: f32, by: f32| from + 2.0 / 3.0 * (by - from);
                    let (x1, y1) = (third(x, by.x), third(y, by.y));
                    let (x2, y2) = (third(to.x, by.x), third(to.y, by.y));
                    self.content.cubic_to(x1, y1, x2, y2, to.x, to.y);
                    last = [to.x, to.y];
                }
                PathSegment::CubicTo(a, b, to) => {
                    self.content.cubic_to(a.x, a.y, b.x, b.y, to.x, to.y);
                    last = [to.x, to.y];
                }
                PathSegment::Close => {
                    self.content.close_path();
                }
            }
        }
    }
}

fn colour(paint: &Paint) -> Result<[f32; 3], FigureError> {
    match paint {
        Paint::Color(Color { red, green, blue }) => {
            Ok([red, green, blue].map(|share| f32::from(*share) / 255.0))
        }
        _ => Err(FigureError::Render(
            "a figure with more than plain colours".into(),
        )),
    }
}
