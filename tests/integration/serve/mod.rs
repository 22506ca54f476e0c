//! The local endpoint as its callers meet it: the command in a process of its own, over TCP.

#[cfg(feature = "aws")]
mod calibrate;
mod control;
mod endpoint;
mod protocol;
mod recipes;
mod recording;
mod robustness;
#[cfg(feature = "aws")]
mod sdk;
