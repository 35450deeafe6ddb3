//! One panel: frame, ticks, labels and foot, and what is drawn in it in the axes' own units.

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, DashedPathElement, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::SVGBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontStyle, FontTransform, IntoFont, RGBColor, ShapeStyle, TextStyle, WHITE,
    register_font,
};

use crate::axis::{Axis, Tick};
use crate::palette::{GRID, INK, MUTED};
use crate::render::{FONT, FONT_NAME, Picture, render};
use crate::{FigureError, Source};

/// Size of a figure, in points.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 420.0;
/// Plotters rounds coordinates to whole numbers: it draws ten times as large.
const UNIT: f64 = 10.0;
/// Room around the axes: left for labels, right for the legend.
const LEFT: f64 = 72.0;
const RIGHT: f64 = 138.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 66.0;

const TITLE: f64 = 15.0;
const LABEL: f64 = 13.0;
const TICK: f64 = 11.5;
const NOTE: f64 = 9.0;
const SMALL: f64 = 8.0;
/// Room that a letter of a tick's label takes, and a line of them.
const LETTER: f64 = 7.5;
const LINE: f64 = 15.0;

/// An entry of the legend.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub text: String,
    pub colour: RGBColor,
    pub mark: Mark,
}

/// How an entry of the legend is marked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mark {
    Point,
    Ring,
    Line,
    /// An error bar.
    Bar,
    /// A band between two lines.
    Band,
}

/// A panel being drawn.
pub struct Panel<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    x: Axis,
    y: Axis,
}

type Drawn = Result<(), FigureError>;

/// Draws one panel and renders it.
pub fn picture(
    title: &str,
    axes: (Axis, Axis),
    source: &Source,
    content: impl FnOnce(&Panel) -> Drawn,
) -> Result<Picture, FigureError> {
    register(FONT_NAME)?;
    let mut svg = String::new();
    {
        let size = ((WIDTH * UNIT) as u32, (HEIGHT * UNIT) as u32);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        let panel = Panel {
            area,
            x: axes.0,
            y: axes.1,
        };
        panel.frame(title, source)?;
        content(&panel)?;
        panel.border()?;
        panel.area.present().map_err(failed)?;
    }
    let large = format!("width=\"{}\" height=\"{}\"", WIDTH * UNIT, HEIGHT * UNIT);
    let right_size = format!("width=\"{WIDTH}\" height=\"{HEIGHT}\"");
    render(&svg.replacen(&large, &right_size, 1), &source.note())
}

/// Has Plotters draw the family that Criterion asks for with the embedded font: in this workspace it
/// looks for no fonts of the system.
///
/// # Errors
/// Never, of the font that is embedded.
pub fn register_sans_serif() -> Result<(), FigureError> {
    register("sans-serif")
}

fn register(family: &str) -> Result<(), FigureError> {
    register_font(family, FontStyle::Normal, FONT)
        .map_err(|_| FigureError::Draw("the embedded font cannot be read".into()))
}

fn failed<E: std::fmt::Display>(error: E) -> FigureError {
    FigureError::Draw(error.to_string())
}

/// Points to Plotters' units.
fn unit(points: f64) -> i32 {
    (points * UNIT).round() as i32
}

impl Panel<'_> {
    /// Where a point of the axes lies on the page, in points; values beyond the axes are beyond them
    /// there too.
    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let (wide, high) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
        (
            LEFT + wide * self.x.place(x),
            HEIGHT - BOTTOM - high * self.y.place(y),
        )
    }

    fn at(&self, point: (f64, f64)) -> (i32, i32) {
        let (x, y) = self.place(point);
        (unit(x), unit(y))
    }

    /// The horizontal axis.
    pub fn x(&self) -> &Axis {
        &self.x
    }

    /// The part of a line that lies inside the axes, in runs.
    fn inside(&self, points: impl IntoIterator<Item = (f64, f64)>) -> Vec<Vec<(i32, i32)>> {
        let mut runs = vec![Vec::new()];
        for point in points {
            let shown = (-1e-9..=1.0 + 1e-9).contains(&self.x.place(point.0))
                && (-1e-9..=1.0 + 1e-9).contains(&self.y.place(point.1));
            match runs.last_mut() {
                Some(run) if shown => run.push(self.at(point)),
                Some(run) if !run.is_empty() => runs.push(Vec::new()),
                _ => {}
            }
        }
        runs.retain(|run| run.len() > 1);
        runs
    }

    /// A line through points.
    pub fn line(
        &self,
        points: impl IntoIterator<Item = (f64, f64)>,
        colour: RGBColor,
        width: f64,
    ) -> Drawn {
        for run in self.inside(points) {
            self.area
                .draw(&PathElement::new(run, stroke(colour, width)))
                .map_err(failed)?;
        }
        Ok(())
    }

    /// A dashed line through points.
    pub fn dashes(
        &self,
        points: impl IntoIterator<Item = (f64, f64)>,
        colour: RGBColor,
        width: f64,
    ) -> Drawn {
        for run in self.inside(points) {
            let line = DashedPathElement::new(run, unit(5.0), unit(3.5), stroke(colour, width));
            self.area.draw(&line).map_err(failed)?;
        }
        Ok(())
    }

    /// A band between two lines, each point `(x, low, high)`, cut off at the axes.
    pub fn band(&self, points: &[(f64, f64, f64)], colour: RGBColor, opacity: f64) -> Drawn {
        let clip = |y: f64| y.clamp(self.y.low(), self.y.high());
        let finite = points
            .iter()
            .filter(|(_, low, high)| low.is_finite() && high.is_finite());
        let inside: Vec<_> = finite
            .filter(|(x, ..)| (0.0..=1.0).contains(&self.x.place(*x)))
            .collect();
        let lower = inside.iter().map(|(x, low, _)| self.at((*x, clip(*low))));
        let upper = inside
            .iter()
            .rev()
            .map(|(x, _, high)| self.at((*x, clip(*high))));
        let edge: Vec<_> = lower.chain(upper).collect();
        if edge.len() < 4 {
            return Ok(());
        }
        self.area
            .draw(&Polygon::new(edge, colour.mix(opacity).filled()))
            .map_err(failed)
    }

    /// A measured point with a bar from `low` to `high`.
    pub fn point(&self, point: (f64, f64), low: f64, high: f64, colour: RGBColor) -> Drawn {
        self.line(
            [
                (point.0, low.max(self.y.low())),
                (point.0, high.min(self.y.high())),
            ],
            colour,
            1.0,
        )?;
        let (x, y) = self.at(point);
        self.area
            .draw(&Circle::new((x, y), unit(3.6), colour.filled()))
            .map_err(failed)?;
        self.area
            .draw(&Circle::new((x, y), unit(3.6), stroke(WHITE, 0.7)))
            .map_err(failed)
    }

    /// A ring around a point that was not measured.
    pub fn ring(&self, point: (f64, f64), colour: RGBColor) -> Drawn {
        let (x, y) = self.at(point);
        self.area
            .draw(&Circle::new((x, y), unit(4.4), stroke(colour, 1.6)))
            .map_err(failed)
    }

    /// A level over the whole width, with its name above it at the left end, or below it at the
    /// right end, so that two levels close together can both be read.
    pub fn level(&self, y: f64, name: &str, colour: RGBColor, end: HPos) -> Drawn {
        if !(0.0..=1.0).contains(&self.y.place(y)) {
            return Ok(());
        }
        self.dashes([(self.x.low(), y), (self.x.high(), y)], colour, 1.3)?;
        let (left, line) = self.place((self.x.low(), y));
        let right = self.place((self.x.high(), y)).0;
        match end {
            HPos::Right => self.text(
                (right - 5.0, line + 4.0),
                name,
                TICK,
                colour,
                (end, VPos::Top),
            ),
            _ => self.text(
                (left + 5.0, line - 3.5),
                name,
                TICK,
                colour,
                (end, VPos::Bottom),
            ),
        }
    }

    /// The legend, to the right of the axes.
    pub fn legend(&self, heading: &str, entries: &[Entry]) -> Drawn {
        let x = WIDTH - RIGHT + 14.0;
        let mut y = TOP + 8.0;
        self.text((x, y), heading, TICK, INK, (HPos::Left, VPos::Center))?;
        for entry in entries {
            y += 17.0;
            let (left, right) = ((unit(x), unit(y)), (unit(x + 16.0), unit(y)));
            let style = stroke(entry.colour, 2.2);
            match entry.mark {
                Mark::Point => {
                    let centre = (unit(x + 8.0), unit(y));
                    self.area
                        .draw(&Circle::new(centre, unit(3.6), entry.colour.filled()))
                        .map_err(failed)?;
                }
                Mark::Ring => {
                    let centre = (unit(x + 8.0), unit(y));
                    let ring = Circle::new(centre, unit(4.4), stroke(entry.colour, 1.6));
                    self.area.draw(&ring).map_err(failed)?;
                }
                Mark::Line => {
                    self.area
                        .draw(&PathElement::new(vec![left, right], style))
                        .map_err(failed)?;
                }
                Mark::Bar => {
                    let bar = [y - 6.0, y + 6.0].map(|end| (unit(x + 8.0), unit(end)));
                    self.area
                        .draw(&PathElement::new(bar.to_vec(), stroke(entry.colour, 1.0)))
                        .map_err(failed)?;
                }
                Mark::Band => {
                    let corners = [(unit(x), unit(y - 5.0)), (unit(x + 16.0), unit(y + 5.0))];
                    let band = Rectangle::new(corners, entry.colour.mix(0.2).filled());
                    self.area.draw(&band).map_err(failed)?;
                }
            }
            self.text(
                (x + 22.0, y),
                &entry.text,
                TICK,
                INK,
                (HPos::Left, VPos::Center),
            )?;
        }
        Ok(())
    }

    /// Small lines under a legend of so many entries.
    pub fn notes(&self, entries: usize, lines: &[String]) -> Drawn {
        let x = WIDTH - RIGHT + 14.0;
        let mut y = TOP + 8.0 + 17.0 * entries as f64 + 10.0;
        for line in lines {
            y += 11.5;
            self.text((x, y), line, NOTE, INK, (HPos::Left, VPos::Center))?;
        }
        Ok(())
    }

    fn text(
        &self,
        at: (f64, f64),
        text: &str,
        size: f64,
        colour: RGBColor,
        anchor: (HPos, VPos),
    ) -> Drawn {
        let style = text_style(size, colour, anchor);
        self.area
            .draw(&Text::new(text.to_owned(), (unit(at.0), unit(at.1)), style))
            .map_err(failed)
    }

    fn frame(&self, title: &str, source: &Source) -> Drawn {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let centre = (LEFT + right) / 2.0;
        self.text(
            (LEFT, TOP - 12.0),
            title,
            TITLE,
            INK,
            (HPos::Left, VPos::Bottom),
        )?;
        let wide = right - LEFT;
        for tick in self
            .x
            .readable(|label| label.chars().count() as f64 * LETTER / wide)
        {
            let x = self.place((tick.value, self.y.low())).0;
            self.tick(&tick, (x, bottom), (x, TOP), (0.0, 1.0))?;
        }
        for tick in self.y.readable(|_| LINE / (bottom - TOP)) {
            let y = self.place((self.x.low(), tick.value)).1;
            self.tick(&tick, (LEFT, y), (right, y), (-1.0, 0.0))?;
        }
        self.text(
            (centre, bottom + 36.0),
            &self.x.label,
            LABEL,
            INK,
            (HPos::Center, VPos::Center),
        )?;
        let middle = (unit(13.0), unit((TOP + bottom) / 2.0));
        let upwards = text_style(LABEL, INK, (HPos::Center, VPos::Center))
            .transform(FontTransform::Rotate270);
        self.area
            .draw(&Text::new(self.y.label.clone(), middle, upwards))
            .map_err(failed)?;
        let foot = format!("{} · {}", source.title, source.note());
        self.text(
            (LEFT, HEIGHT - 8.0),
            &foot,
            SMALL,
            MUTED,
            (HPos::Left, VPos::Bottom),
        )
    }

    /// A tick at `from`, its grid line to `to`; `out` points away from the axes.
    fn tick(&self, tick: &Tick, from: (f64, f64), to: (f64, f64), out: (f64, f64)) -> Drawn {
        let along = |(x, y): (f64, f64), by: f64| (unit(x + out.0 * by), unit(y + out.1 * by));
        let length = if tick.label.is_some() { 5.0 } else { 2.5 };
        if let Some(label) = &tick.label {
            let grid = PathElement::new(vec![along(from, 0.0), along(to, 0.0)], stroke(GRID, 0.8));
            self.area.draw(&grid).map_err(failed)?;
            let (x, y) = (from.0 + out.0 * 9.0, from.1 + out.1 * 13.0);
            let anchor = if out.1 > 0.0 {
                HPos::Center
            } else {
                HPos::Right
            };
            self.text((x, y), label, TICK, INK, (anchor, VPos::Center))?;
        }
        let mark = PathElement::new(
            vec![along(from, 0.0), along(from, length)],
            stroke(INK, 0.9),
        );
        self.area.draw(&mark).map_err(failed)
    }

    /// Plotters' SVG forgets the stroke width of a rectangle, so the frame is a path.
    fn border(&self) -> Drawn {
        let (left, right) = (unit(LEFT), unit(WIDTH - RIGHT));
        let (top, bottom) = (unit(TOP), unit(HEIGHT - BOTTOM));
        let corners = [
            (left, top),
            (right, top),
            (right, bottom),
            (left, bottom),
            (left, top),
        ];
        self.area
            .draw(&PathElement::new(corners.to_vec(), stroke(INK, 0.9)))
            .map_err(failed)
    }
}

fn stroke(colour: RGBColor, width: f64) -> ShapeStyle {
    colour.stroke_width(unit(width) as u32)
}

fn text_style<'a>(size: f64, colour: RGBColor, (h, v): (HPos, VPos)) -> TextStyle<'a> {
    // Plotters' SVG divides sizes by 1.24.
    let font = (FONT_NAME, size * UNIT * 1.24).into_font();
    TextStyle {
        color: colour.to_backend_color(),
        pos: Pos::new(h, v),
        font,
    }
}
