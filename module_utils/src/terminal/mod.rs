//! What people see at a terminal or in a journal: columns that line up, colours where they may be, times as clocks show them. What is said is
//! decided where it is known; here only how it looks. Pure, but for the one question what the terminal is.

pub mod clock;
pub mod live;
pub mod look;
pub mod table;
