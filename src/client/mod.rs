//! What SDKs do about failed attempts, sans-IO: the caller passes the time and the random bits.
