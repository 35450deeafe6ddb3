//! Every kernel against its equation in f64: values, and gradients by finite differences, on every set of
//! instructions that the processor has.

use super::activation::{self, Activation};
use super::attention::{self, Sizes, Turns};
use super::head::{self, Batch};
use super::lanes::InstructionSet;
use super::linear;
use super::matrix::{Matrix, product};
use super::norm;

/// Sets of instructions that are here.
fn sets() -> impl Iterator<Item = InstructionSet> {
    InstructionSet::all()
        .into_iter()
        .filter(|set| set.is_here())
}

/// Numbers about one, the same for the same seed.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next() + next()).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}

/// How far numbers are from others, over the size of the others.
fn distance(found: &[f32], truth: &[f64]) -> f64 {
    assert_eq!(found.len(), truth.len());
    let squares = |of: &dyn Fn(usize) -> f64| (0..truth.len()).map(of).map(|x| x * x).sum::<f64>();
    let apart = squares(&|i| f64::from(found[i]) - truth[i]);
    (apart / squares(&|i| truth[i]).max(1e-30)).sqrt()
}

/// What f32 explains of sums of some hundred numbers.
const EXPLAINED: f64 = 2e-6;

/// The derivative of `f` by every number of `x`, by central differences.
fn slopes(x: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let h = 1e-5;
    let mut x = x.to_vec();
    (0..x.len())
        .map(|i| {
            let middle = x[i];
            x[i] = middle + h;
            let up = f(&x);
            x[i] = middle - h;
            let down = f(&x);
            x[i] = middle;
            (up - down) / (2.0 * h)
        })
        .collect()
}

fn dot(a: &[f64], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * f64::from(*b)).sum()
}

/// Attention by its equation.
fn attention(x: &[f64], sizes: Sizes) -> Vec<f64> {
    let Sizes {
        batch,
        sequence,
        heads,
        width,
    } = sizes;
    let row = heads * width;
    let all = batch * sequence * row;
    let (q, rest) = x.split_at(all);
    let (k, v) = rest.split_at(all);
    let turned = |x: &[f64], at: usize, position: usize| -> Vec<f64> {
        let half = width / 2;
        let mut y = vec![0.0; width];
        for i in 0..half {
            let angle = position as f64 * 10_000f64.powf(-(i as f64) / half as f64);
            let (a, b) = (x[at + i], x[at + half + i]);
            y[i] = a * angle.cos() - b * angle.sin();
            y[half + i] = b * angle.cos() + a * angle.sin();
        }
        y
    };
    let mut y = vec![0.0; all];
    for b in 0..batch {
        for head in 0..heads {
            let at = |s: usize| (b * sequence + s) * row + head * width;
            for s in 0..sequence {
                let query = turned(q, at(s), s);
                let scores: Vec<f64> = (0..=s)
                    .map(|t| {
                        let key = turned(k, at(t), t);
                        let product: f64 = query.iter().zip(&key).map(|(a, b)| a * b).sum();
                        product / (width as f64).sqrt()
                    })
                    .collect();
                let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = scores.iter().map(|score| (score - most).exp()).sum();
                for (t, score) in scores.iter().enumerate() {
                    for i in 0..width {
                        y[at(s) + i] += (score - most).exp() / sum * v[at(t) + i];
                    }
                }
            }
        }
    }
    y
}

struct Attended {
    y: Vec<f32>,
    gradients: Vec<f32>,
}

fn attend(x: &[f32], dy: &[f32], sizes: Sizes, set: InstructionSet) -> Attended {
    let turns = Turns::new(sizes.sequence, sizes.width, 10_000.0);
    let all = dy.len();
    let (q, k, v) = (&x[..all], &x[all..2 * all], &x[2 * all..]);
    let turned = |x: &[f32]| {
        let mut x = x.to_vec();
        attention::turn(&mut x, &turns, sizes, false, set);
        x
    };
    let (q, k) = (turned(q), turned(k));
    let y = attention::forward([&q, &k, v], sizes, set);
    let mut gradients = attention::backward([&q, &k, v, &y, dy], sizes, set);
    attention::turn(&mut gradients[..2 * all], &turns, sizes, true, set);
    Attended { y, gradients }
}

#[test]
fn attention_is_its_equation() {
    for (batch, sequence, heads, width) in [
        (1, 1, 1, 2),
        (2, 17, 3, 6),
        (1, 65, 2, 2),
        (1, 257, 1, 30),
        (2, 64, 2, 16),
    ] {
        let sizes = Sizes {
            batch,
            sequence,
            heads,
            width,
        };
        let all = batch * sequence * heads * width;
        let (x, dy) = (numbers(3 * all, 1), numbers(all, 2));
        let truth = attention(&wide(&x), sizes);
        for set in sets() {
            let found = attend(&x, &dy, sizes, set).y;
            let distance = distance(&found, &truth);
            assert!(distance < EXPLAINED, "{set} {sizes:?}: {distance:e}");
        }
    }
}

#[test]
fn gradients_of_attention_are_finite_differences() {
    for (batch, sequence, heads, width) in [(1, 1, 1, 2), (2, 17, 2, 6), (1, 70, 1, 2)] {
        let sizes = Sizes {
            batch,
            sequence,
            heads,
            width,
        };
        let all = batch * sequence * heads * width;
        let (x, dy) = (numbers(3 * all, 3), numbers(all, 4));
        let truth = slopes(&wide(&x), |x| dot(&attention(x, sizes), &dy));
        for set in sets() {
            let found = attend(&x, &dy, sizes, set).gradients;
            let distance = distance(&found, &truth);
            assert!(distance < 3.0 * EXPLAINED, "{set} {sizes:?}: {distance:e}");
        }
    }
}

#[test]
fn norms_are_their_equation() {
    for (rows, width) in [(1, 1), (1, 7), (5, 16), (3, 33), (2, 257)] {
        let (x, gain, dy) = (
            numbers(rows * width, 5),
            numbers(width, 6),
            numbers(rows * width, 7),
        );
        let equation = |x: &[f64], gain: &[f64]| -> Vec<f64> {
            let row = |row: &[f64]| {
                let mean = row.iter().map(|x| x * x).sum::<f64>() / width as f64;
                let s = 1.0 / (mean + 1e-5).sqrt();
                row.iter()
                    .zip(gain)
                    .map(|(x, gain)| x * s * gain)
                    .collect::<Vec<_>>()
            };
            x.chunks(width).flat_map(row).collect()
        };
        let (wide_x, wide_gain) = (wide(&x), wide(&gain));
        let dx = slopes(&wide_x, |x| dot(&equation(x, &wide_gain), &dy));
        let dgain = slopes(&wide_gain, |gain| dot(&equation(&wide_x, gain), &dy));
        for set in sets() {
            let (mut y, mut s) = (x.clone(), vec![0.0; rows]);
            norm::forward(set, &mut y, &gain, 1e-5, &mut s);
            assert!(
                distance(&y, &equation(&wide_x, &wide_gain)) < EXPLAINED,
                "{set}"
            );
            let (mut found, mut found_gain) = (dy.clone(), vec![0.0; width]);
            norm::backward(set, &x, &gain, &s, None, &mut found, &mut found_gain);
            let past = numbers(rows * width, 23);
            let (mut with_past, mut again) = (dy.clone(), vec![0.0; width]);
            norm::backward(set, &x, &gain, &s, Some(&past), &mut with_past, &mut again);
            let sum: Vec<f32> = found.iter().zip(&past).map(|(a, b)| a + b).collect();
            assert_eq!((with_past, &again), (sum, &found_gain), "{set} {width}");
            // Of a row of one number nothing is left but what epsilon leaves.
            let scale = wide(&dy).iter().map(|x| x * x).sum::<f64>().sqrt();
            let apart: f64 = found
                .iter()
                .zip(&dx)
                .map(|(a, b)| (f64::from(*a) - b).powi(2))
                .sum();
            assert!(apart.sqrt() < 1e-5 * scale, "{set} {width}");
            assert!(
                distance(&found_gain, &dgain) < 3.0 * EXPLAINED,
                "{set} {width}"
            );
        }
    }
}

#[test]
fn activations_are_their_equations() {
    let normal = |x: f64| {
        // By Simpson's rule from 0.
        let steps = 400;
        let h = x / f64::from(steps);
        let density = |x: f64| (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let inner: f64 = (1..steps)
            .map(|i| density(f64::from(i) * h) * if i % 2 == 1 { 4.0 } else { 2.0 })
            .sum();
        0.5 + h / 3.0 * (density(0.0) + inner + density(x))
    };
    let count = 77;
    let (x, dy) = (
        numbers(count, 8)
            .iter()
            .map(|x| 3.0 * x)
            .collect::<Vec<_>>(),
        numbers(count, 9),
    );
    type Equation<'a> = &'a dyn Fn(f64) -> f64;
    let of: [(Activation, Equation); 2] = [
        (Activation::Gelu, &|x| x * normal(x)),
        (Activation::SquaredRelu, &|x| x.max(0.0).powi(2)),
    ];
    for (kind, equation) in of {
        let all = |x: &[f64]| x.iter().map(|x| equation(*x)).collect::<Vec<_>>();
        let slope = slopes(&wide(&x), |x| dot(&all(x), &dy));
        for set in sets() {
            let mut y = x.clone();
            activation::activate(set, kind, &mut y);
            assert!(distance(&y, &all(&wide(&x))) < EXPLAINED, "{set} {kind:?}");
            let mut found = dy.clone();
            activation::activate_backward(set, kind, &x, &mut found);
            assert!(distance(&found, &slope) < EXPLAINED, "{set} {kind:?}");
        }
    }
    let up = numbers(count, 10);
    let both = [x.clone(), up.clone()].concat();
    let equation = |both: &[f64]| -> Vec<f64> {
        let (gate, up) = both.split_at(count);
        gate.iter()
            .zip(up)
            .map(|(g, u)| g / (1.0 + (-g).exp()) * u)
            .collect()
    };
    let slope = slopes(&wide(&both), |both| dot(&equation(both), &dy));
    for set in sets() {
        let mut y = x.clone();
        activation::swiglu(set, &mut y, &up);
        assert!(distance(&y, &equation(&wide(&both))) < EXPLAINED, "{set}");
        let (mut dup, mut dgate) = (up.clone(), x.clone());
        activation::swiglu_backward(set, &mut dgate, &mut dup, &dy);
        assert!(
            distance(&[dgate, dup].concat(), &slope) < EXPLAINED,
            "{set}"
        );
    }
}

/// The mean loss by its equation; `both` is x and the head.
fn mean_loss(both: &[f64], targets: &[i32], width: usize, turned: bool) -> f64 {
    let (x, head) = both.split_at(targets.len() * width);
    let vocabulary = head.len() / width;
    let weight = |token: usize, i: usize| {
        if turned {
            head[i * vocabulary + token]
        } else {
            head[token * width + i]
        }
    };
    let losses = x.chunks(width).zip(targets).map(|(x, target)| {
        let logits: Vec<f64> = (0..vocabulary)
            .map(|token| (0..width).map(|i| x[i] * weight(token, i)).sum())
            .collect();
        let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logits.iter().map(|z| (z - most).exp()).sum();
        sum.ln() + most - logits[*target as usize]
    });
    losses.sum::<f64>() / targets.len() as f64
}

#[test]
fn heads_and_losses_are_their_equation() {
    // The last has a vocabulary of which few rows are computed at once.
    for (rows, width, vocabulary, whole) in [
        (1, 2, 3, true),
        (5, 16, 50, true),
        (3, 6, 257, true),
        (7, 2, 90_000, false),
    ] {
        for turned in [false, true] {
            let (x, head) = (numbers(rows * width, 11), numbers(vocabulary * width, 12));
            let targets: Vec<i32> = (0..rows)
                .map(|row| (row * 7919 % vocabulary) as i32)
                .collect();
            let both = wide(&[x.clone(), head.clone()].concat());
            let batch = Batch {
                x: &x,
                head: &head,
                turned,
                targets: &targets,
                width,
            };
            let truth = mean_loss(&both, &targets, width, turned);
            for set in sets() {
                let (mean, dx, dhead) = head::mean_with_gradients(batch, set);
                assert!(
                    (f64::from(mean) / truth - 1.0).abs() < EXPLAINED,
                    "{set} {mean} {truth}"
                );
                let losses = head::losses(batch, set);
                let again = losses.iter().map(|it| f64::from(*it)).sum::<f64>() / rows as f64;
                assert!(
                    (again / truth - 1.0).abs() < EXPLAINED,
                    "{set} {again} {truth}"
                );
                if whole {
                    let slope = slopes(&both, |both| mean_loss(both, &targets, width, turned));
                    let distance = distance(&[dx, dhead].concat(), &slope);
                    assert!(
                        distance < 3.0 * EXPLAINED,
                        "{set} {vocabulary}: {distance:e}"
                    );
                } else {
                    // Every row's slopes by its logits add up to nothing.
                    let by_x = slopes(&both[..rows * width], |x| {
                        let both = [x, &both[rows * width..]].concat();
                        mean_loss(&both, &targets, width, turned)
                    });
                    assert!(distance(&dx, &by_x) < 1e-4, "{set}");
                    assert!(dhead.iter().map(|it| f64::from(*it)).sum::<f64>().abs() < 1e-4);
                }
            }
        }
    }
}

/// What is no number, or infinite, is not lost on the way.
#[test]
fn what_is_no_number_stays_none() {
    let sizes = Sizes {
        batch: 1,
        sequence: 70,
        heads: 1,
        width: 4,
    };
    let all = 70 * 4;
    for set in sets() {
        for broken in [f32::NAN, f32::INFINITY] {
            for part in 0..3 {
                let mut x = numbers(3 * all, 13);
                x[part * all + 4 * 30] = broken;
                let found = attend(&x, &numbers(all, 14), sizes, set);
                assert!(
                    found.y[4 * 30..].iter().any(|y| !y.is_finite()),
                    "{set} {part}"
                );
                // A later value that is no number counts nothing, and nothing times it is none.
                let earlier = &found.y[..4 * 30];
                assert!(
                    part == 2 || earlier.iter().all(|y| y.is_finite()),
                    "{set} {part}"
                );
                assert!(
                    found.gradients.iter().any(|y| !y.is_finite()),
                    "{set} {part}"
                );
            }
            let mut x = numbers(40, 15);
            x[17] = broken;
            let mut y = x.clone();
            norm::forward(set, &mut y, &numbers(40, 16), 1e-5, &mut [0.0]);
            assert!(y.iter().any(|y| !y.is_finite()), "{set}");
            for kind in [Activation::Gelu, Activation::SquaredRelu] {
                let mut y = x.clone();
                activation::activate(set, kind, &mut y);
                assert!(!y[17].is_finite(), "{set} {kind:?}");
            }
            let mut y = x.clone();
            activation::swiglu(set, &mut y, &numbers(40, 17));
            assert!(!y[17].is_finite(), "{set}");
            let batch = Batch {
                x: &x,
                head: &numbers(40 * 20, 18),
                turned: false,
                targets: &[3],
                width: 40,
            };
            assert!(!head::losses(batch, set)[0].is_finite(), "{set}");
            assert!(
                !head::mean_with_gradients(batch, set).0.is_finite(),
                "{set}"
            );
        }
    }
}

/// Of matrices that lie in rows and in columns, alone and as every other column of a wider one, on either side of the
/// size up to which columns are turned into rows first.
#[test]
fn products_are_their_equation_however_matrices_lie() {
    for [rows, inner, columns] in [[1, 1, 1], [7, 17, 33], [64, 257, 16], [3, 300, 301]] {
        let (a, b) = (numbers(rows * inner, 1), numbers(2 * inner * columns, 2));
        let lie = [[columns, 1], [1, inner], [1, 2 * inner]];
        for strides in lie {
            let b = Matrix {
                values: &b,
                rows: inner,
                columns,
                strides,
            };
            let truth: Vec<f64> = (0..rows * columns)
                .map(|at| {
                    let (row, column) = (at / columns, at % columns);
                    let term = |k: usize| {
                        let b = b.values[k * strides[0] + column * strides[1]];
                        f64::from(a[row * inner + k]) * f64::from(b)
                    };
                    (0..inner).map(term).sum()
                })
                .collect();
            let found = product(Matrix::of_rows(&a, inner), b);
            let off = distance(&found, &truth);
            assert!(
                off < EXPLAINED,
                "{rows} {inner} {columns} {strides:?}: {off:e}"
            );
        }
    }
}

/// Layers of one input, and one that is added to what flows past it: `y_i = r + x W_i`.
#[test]
fn linear_layers_are_their_equation() {
    for (rows, inputs, outputs, layers) in [(1, 1, 1, 1), (1, 7, 3, 2), (17, 6, 30, 3)] {
        let (x, dy) = (
            numbers(rows * inputs, 19),
            numbers(layers * rows * outputs, 20),
        );
        let weights = numbers(layers * inputs * outputs, 21);
        // Of x and all weights, one after the other.
        let equation = |of: &[f64]| -> Vec<f64> {
            let (x, weights) = of.split_at(rows * inputs);
            let layer = |weight: &[f64]| -> Vec<f64> {
                let at = |row: usize, column: usize| {
                    let term = |i| x[row * inputs + i] * weight[i * outputs + column];
                    (0..inputs).map(term).sum()
                };
                (0..rows * outputs)
                    .map(|i| at(i / outputs, i % outputs))
                    .collect()
            };
            weights.chunks(inputs * outputs).flat_map(layer).collect()
        };
        let of = wide(&[x.clone(), weights.clone()].concat());
        let truth = equation(&of);
        let slope = slopes(&of, |of| dot(&equation(of), &dy));
        let each: Vec<&[f32]> = weights.chunks(inputs * outputs).collect();
        let y = linear::forward(&x, &each, inputs);
        assert!(distance(&y, &truth) < EXPLAINED, "{rows} {layers}");
        let mut found = linear::of_inputs(&dy, &each, inputs);
        for dy in dy.chunks(rows * outputs) {
            found.extend(linear::of_weight(dy, &x, inputs, outputs));
        }
        assert!(distance(&found, &slope) < EXPLAINED, "{rows} {layers}");

        let past = numbers(rows * outputs, 22);
        let added = linear::forward_past(&x, each[0], inputs, &past);
        let truth: Vec<f64> = truth
            .iter()
            .zip(&past)
            .map(|(y, past)| y + f64::from(*past))
            .collect();
        assert!(distance(&added, &truth) < EXPLAINED, "{rows}");
    }
}
