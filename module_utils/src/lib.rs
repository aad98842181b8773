//! What the modules share, in the order of their dependence: each file uses only those above it.
