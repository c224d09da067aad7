//! The real binary from outside: verbs, bad input, exit codes, output that others read.

mod approvals;
mod bad_input;
mod bad_setup;
mod bench;
mod contract;
mod detect;
mod folders;
mod hostile;
mod init;
mod looking_back;
mod output;
mod programs;
mod real;
mod run;
mod safety;
mod served;
mod settle;
mod stops;
mod usage;
