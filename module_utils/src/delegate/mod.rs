//! Delegation: who may do what on which dataset.

pub mod accounts;
pub mod effective;
pub mod execute;
pub mod hint;
pub mod lines;
pub mod refusal;
pub mod request;
pub mod vocabulary;
