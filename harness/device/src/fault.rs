//! Faults made on purpose, as the check must find them: what real drivers have done.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use isoflop_train::Transformer;

/// What a faulty device does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Fault {
    /// The first attention computes with queries 1% too large.
    Layer,
    /// The fused attention turns its heads a little too far.
    Kernel,
    /// Every gradient of one matrix is 1% too large.
    Gradient,
    /// From step 30 on, gradients are not numbers.
    Nan,
    /// Each step takes a mebibyte of memory and never gives it back.
    Leak,
    /// The process dies in the first step.
    Die,
    /// The first step never ends.
    Hang,
}

/// The step at which [`Fault::Nan`] begins.
const NAN_STEP: u64 = 30;

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 7] = [
        Fault::Layer,
        Fault::Kernel,
        Fault::Gradient,
        Fault::Nan,
        Fault::Leak,
        Fault::Die,
        Fault::Hang,
    ];

    /// Its name, after `faulty:`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The model that such a device would compute with.
    pub(crate) fn distort(self, model: Transformer) -> Transformer {
        match self {
            Fault::Layer => {
                let queries = second_matrix(&model);
                model.map(&mut Enlarge(queries))
            }
            Fault::Kernel => model.turned_too_far(),
            _ => model,
        }
    }

    /// Does to a step and its gradients what such a device would.
    pub(crate) fn strike(self, step: u64, model: &Transformer, gradients: &mut GradientsParams) {
        match self {
            Fault::Gradient => multiply_one(model, gradients, 1.01),
            Fault::Nan if step >= NAN_STEP => multiply_one(model, gradients, f64::NAN),
            Fault::Layer | Fault::Kernel | Fault::Nan => {}
            Fault::Leak => {
                // Written to and seen, so that the system has to give it.
                std::hint::black_box(vec![1_u8; 1 << 20].leak());
            }
            Fault::Die => std::process::abort(),
            Fault::Hang => loop {
                std::thread::park();
            },
        }
    }
}

/// The model's second matrix: the first attention's queries.
fn second_matrix(model: &Transformer) -> ParamId {
    struct Matrices(Vec<ParamId>);
    impl ModuleVisitor for Matrices {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if D == 2 {
                self.0.push(param.id);
            }
        }
    }
    let mut matrices = Matrices(Vec::new());
    model.visit(&mut matrices);
    matrices.0[1]
}

/// Makes the weights of one parameter 1% larger.
struct Enlarge(ParamId);

impl ModuleMapper for Enlarge {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if param.id != self.0 {
            return param;
        }
        let larger = |weights: Tensor<D>| weights.inner().mul_scalar(1.01);
        param.map(|weights| Tensor::from_inner(larger(weights)).require_grad())
    }
}

/// Multiplies the gradient of the model's second matrix.
fn multiply_one(model: &Transformer, gradients: &mut GradientsParams, factor: f64) {
    let id = second_matrix(model);
    if let Some(gradient) = gradients.remove::<2>(id) {
        gradients.register(id, gradient.mul_scalar(factor));
    }
}
