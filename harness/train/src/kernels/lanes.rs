//! Which vector instructions the kernels run on: the widest that the processor has, found when they first run.

use std::fmt;
use std::sync::OnceLock;

/// A set of vector instructions. Sums are made in another order in each. Matrix products follow what `gemm` finds of the
/// processor by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    /// x86-64 with AVX-512.
    Avx512,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// AArch64.
    Neon,
    /// What every processor of the architecture has.
    Portable,
}

impl fmt::Display for InstructionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            InstructionSet::Avx512 => "avx512",
            InstructionSet::Avx2 => "avx2",
            InstructionSet::Neon => "neon",
            InstructionSet::Portable => "portable",
        })
    }
}

/// The variable that asks for a narrower set.
const ASKED: &str = "ISOFLOP_INSTRUCTIONS";

/// The set that kernels run on here: the widest, or the one that `ISOFLOP_INSTRUCTIONS` names.
pub fn instruction_set() -> InstructionSet {
    static FOUND: OnceLock<InstructionSet> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let widest = here().next().unwrap_or(InstructionSet::Portable);
        asked().ok().flatten().unwrap_or(widest)
    })
}

fn here() -> impl Iterator<Item = InstructionSet> {
    InstructionSet::all().into_iter().filter(|it| it.is_here())
}

/// The set that the environment asks for.
///
/// # Errors
/// If this processor has none of that name; the error says which it has.
pub fn asked() -> Result<Option<InstructionSet>, String> {
    let Some(asked) = std::env::var_os(ASKED) else {
        return Ok(None);
    };
    let asked = asked.to_string_lossy();
    let found = here().find(|it| it.to_string() == asked);
    found.map(Some).ok_or_else(|| {
        let names: Vec<String> = here().map(|it| it.to_string()).collect();
        format!(
            "{ASKED} is `{asked}`, and this processor has {}",
            names.join(", ")
        )
    })
}

impl InstructionSet {
    /// Every set, widest first.
    pub(crate) fn all() -> [InstructionSet; 4] {
        [
            InstructionSet::Avx512,
            InstructionSet::Avx2,
            InstructionSet::Neon,
            InstructionSet::Portable,
        ]
    }

    /// Whether this processor has it.
    pub(crate) fn is_here(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => {
                let detected =
                    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
                detected
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
            }
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => {
                is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
            }
            InstructionSet::Neon => cfg!(target_arch = "aarch64"),
            InstructionSet::Portable => true,
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }
}

/// A function that is compiled for every set of instructions, and runs on the one given first. What it calls is to be
/// inlined.
macro_rules! vectorized {
    ($(#[$about:meta])* $visible:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$about])*
        #[allow(clippy::too_many_arguments)]
        $visible fn $name(set: $crate::kernels::InstructionSet, $($argument: $type),*) {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn body($($argument: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            fn avx512($($argument: $type),*) {
                body($($argument),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            fn avx2($($argument: $type),*) {
                body($($argument),*)
            }

            match set {
                // SAFETY: the processor has the instructions.
                #[cfg(target_arch = "x86_64")]
                $crate::kernels::InstructionSet::Avx512 if set.is_here() => unsafe {
                    avx512($($argument),*)
                },
                // SAFETY: the processor has the instructions.
                #[cfg(target_arch = "x86_64")]
                $crate::kernels::InstructionSet::Avx2 if set.is_here() => unsafe {
                    avx2($($argument),*)
                },
                // AArch64 has its vectors in every function.
                _ => body($($argument),*),
            }
        }
    };
}
pub(crate) use vectorized;
