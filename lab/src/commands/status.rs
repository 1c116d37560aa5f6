//! `indoubt status`: asks a live node what became of a transaction.

use crate::{
    live_node::call,
    options::{Common, Format},
    output::outln,
    status::Status,
};
use anyhow::Result;
use clap::Args;
use indoubt_proto::{
    ids::TxnId,
    message::{self, OutcomeWord},
};

/// Arguments of `indoubt status`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Asks for the outcome of a transaction, for example after `indoubt submit` got no answer. It changes nothing. A node remembers the \
outcomes of its latest transactions; `unknown` means that it does not remember this one, and not that it had no effect. The exit \
status is 0 only if the transaction succeeded.

Example:
  indoubt status c1-k1-17 --node 127.0.0.1:41234")]
pub struct StatusArgs {
    /// The transaction.
    pub txn: TxnId,
    /// The coordinating node's address.
    #[arg(long, value_name = "ADDR")]
    pub node: String,
}

/// Runs `indoubt status`.
pub(super) fn status(args: &StatusArgs, common: &Common) -> Result<Status> {
    let txn = args.txn;
    let status = call(&args.node, |node| async move { node.status(txn).await })?;
    let (word, detail, succeeded) = match &status {
        message::Status::Running(state) => ("running", Some(state.clone()), false),
        message::Status::Ended(outcome) => {
            let word = outcome.word();
            (word.word(), outcome.reason().map(ToString::to_string), word == OutcomeWord::Succeeded)
        }
    };
    match common.format {
        Format::Json => outln!("{}", serde_json::json!({ "txn": txn, "status": word, "detail": detail })),
        Format::Text => outln!("{txn} {word}{}", detail.map_or(String::new(), |detail| format!(": {detail}"))),
    }
    Ok(succeeded.into())
}
