//! What a law misses and noise does not explain.

use isoflop_law::{Fit, Pattern};

use crate::show::{count, si};

/// How far the law misses runs in a way that their noise does not explain, a line each.
pub fn misfit(fit: &Fit) -> String {
    let percent = |log: f64| 100.0 * log.exp_m1();
    let mut text = String::new();
    if let Some(effects) = fit.effects.filter(|_| !fit.is_of_values()) {
        text += &format!(
            "  random effects: cells lie about the law by {:.2}%, replicates about their cells by {:.2}% ({} of {}), and runs count by both\n",
            100.0 * effects.of_cells,
            100.0 * effects.of_replicates,
            count(effects.replicates, "replicate"),
            count(effects.cells, "cell")
        );
    }
    if let Some(lack) = &fit.lack_of_fit {
        let noise = format!(
            "  runs at the same point scatter by {:.2}% ({} in {} places)",
            100.0 * lack.noise,
            count(lack.repeats, "repeat"),
            lack.places
        );
        text += &if lack.misses() {
            format!(
                "{noise}, and the law misses their means by {:.2}% more than that explains (F = {:.1}, p = {:.0e})\n",
                100.0 * lack.misfit,
                lack.f,
                lack.p
            )
        } else if lack.may_miss() {
            format!(
                "{noise}, and whether the law misses their means by more is not sure (F = {:.1}, p = {:.2})\n",
                lack.f, lack.p
            )
        } else {
            format!(
                "{noise}, and the law misses their means by no more (p = {:.2})\n",
                lack.p
            )
        };
    }
    for pattern in &fit.patterns {
        text += &match pattern {
            Pattern::Line {
                variable,
                value,
                place,
                along,
                from,
                to,
                points,
            } => {
                let which = match place {
                    -1 => "the smallest ",
                    1 => "the largest ",
                    _ => "",
                };
                format!(
                    "  a pattern in the residuals: {which}{variable} = {}, from {:+.1}% to {:+.1}% along {along} ({})\n",
                    si(*value),
                    percent(*from),
                    percent(*to),
                    count(*points, "run")
                )
            }
            Pattern::Bend {
                along,
                thirds: [low, middle, high],
                points,
            } => format!(
                "  a pattern in the residuals: {:+.1}%, {:+.1}% and {:+.1}% in the thirds along {along} ({})\n",
                percent(*low),
                percent(*middle),
                percent(*high),
                count(*points, "run")
            ),
        };
    }
    if fit.is_misfit() {
        text += "  the form is not that of these runs: more of them would not mend it; fit another, or fewer kinds of them\n";
    }
    text
}
