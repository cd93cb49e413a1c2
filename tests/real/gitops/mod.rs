//! How GitOps tools judge objects of a real API server, each in its states; and the examples for Flux and Argo CD.

mod examples;
mod health;
mod states;
