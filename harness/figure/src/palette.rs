//! Colours. Series run from dark to light along viridis (van der Walt and Smith 2015), whose
//! lightness rises evenly, so that their order survives a black-and-white print.

use plotters::style::RGBColor;

const VIRIDIS: [(u8, u8, u8); 8] = [
    (68, 1, 84),
    (70, 50, 126),
    (54, 92, 141),
    (39, 127, 142),
    (31, 161, 135),
    (74, 193, 109),
    (160, 218, 57),
    (253, 231, 37),
];

/// The light end is too pale for lines on white.
const LIGHTEST: f64 = 0.82;

pub const INK: RGBColor = RGBColor(30, 30, 30);
pub const MUTED: RGBColor = RGBColor(110, 110, 110);
pub const GRID: RGBColor = RGBColor(228, 228, 228);
/// The law itself, apart from every series.
pub const LAW: RGBColor = RGBColor(200, 40, 40);

/// The colour at `share` of the scale, from 0 (dark) to 1 (light).
pub fn scale(share: f64) -> RGBColor {
    let at = share.clamp(0.0, 1.0) * LIGHTEST * (VIRIDIS.len() - 1) as f64;
    let (low, mix) = (at.floor() as usize, at.fract());
    let (a, b) = (VIRIDIS[low], VIRIDIS[(low + 1).min(VIRIDIS.len() - 1)]);
    let blend = |a: u8, b: u8| (f64::from(a) + mix * (f64::from(b) - f64::from(a))).round() as u8;
    RGBColor(blend(a.0, b.0), blend(a.1, b.1), blend(a.2, b.2))
}

/// The colour of number `index` of `count` series.
pub fn series(index: usize, count: usize) -> RGBColor {
    scale(if count < 2 {
        0.3
    } else {
        index as f64 / (count - 1) as f64
    })
}
