//! The best model of a budget, by formula.

/// The power law `N* = exp(log_at_one) C^exponent` of a law's best models.
#[derive(Debug, Clone, Copy)]
pub struct Optimum {
    pub log_at_one: f64,
    pub exponent: f64,
}

impl Optimum {
    /// Of `A N^-alpha + B D^-beta` with `D = C / (k N^p)`: the derivative by N vanishes where
    /// `N^(alpha + p beta) = alpha A / (p beta B) (C/k)^beta` (Hoffmann et al. 2022, eq. 4, for k = 6
    /// and p = 1).
    pub fn of_powers([a, alpha, b, beta]: [f64; 4], log_k: f64, p: f64) -> Option<Self> {
        if !(alpha > 0.0 && beta > 0.0) {
            return None;
        }
        let sum = alpha + p * beta;
        let ratio = (alpha * a / (p * beta * b)).ln();
        Optimum {
            log_at_one: (ratio - beta * log_k) / sum,
            exponent: beta / sum,
        }
        .finite()
    }

    /// Of `(Nc/N)^r + Dc/D` with `r = aN/aD`: where `N^(r + p) = r Nc^r / (p Dc) C/k` (Kaplan et al.
    /// 2020, eq. 1.5).
    pub fn of_kaplan([nc, a_n, dc, a_d]: [f64; 4], log_k: f64, p: f64) -> Option<Self> {
        if !(a_n > 0.0 && a_d > 0.0) {
            return None;
        }
        let r = a_n / a_d;
        let ratio = r.ln() + r * nc.ln() - p.ln() - dc.ln();
        Optimum {
            log_at_one: (ratio - log_k) / (r + p),
            exponent: 1.0 / (r + p),
        }
        .finite()
    }

    fn finite(self) -> Option<Self> {
        (self.log_at_one.is_finite() && self.exponent.is_finite()).then_some(self)
    }

    /// The best N of a budget.
    pub fn parameters(&self, flops: f64) -> f64 {
        (self.log_at_one + self.exponent * flops.ln()).exp()
    }
}
