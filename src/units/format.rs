//! Writes quantities as people read them.
