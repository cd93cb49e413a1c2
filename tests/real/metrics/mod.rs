//! What an operator process serves over HTTP: metrics that fit what was done, and probes that tell how it is.

mod exposition;
mod figures;
mod probes;
