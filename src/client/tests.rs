//! Vectors and laws.
