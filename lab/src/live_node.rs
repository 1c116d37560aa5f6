//! Calls to a live node, for operator actions and for `indoubt submit`.

use anyhow::{Context, Result, anyhow};
use indoubt_node::client::NodeClient;
use std::time::{Duration, Instant};
use tonic::{Code, Status};

/// How long to wait for a node's answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait until a node listens.
const STARTING: Duration = Duration::from_secs(3);

/// Connects to the node at `address` and calls it.
pub(crate) fn call<T, F>(address: &str, work: impl FnOnce(NodeClient) -> F) -> Result<T>
where
    F: Future<Output = Result<T, Status>>,
{
    ask(address, work)?.map_err(|status| refused(address, &status))
}

/// Connects to the node at `address` and calls it, on a new runtime. The inner error is what the node answered, or why it did not.
pub(crate) fn ask<T, F>(address: &str, work: impl FnOnce(NodeClient) -> F) -> Result<Result<T, Status>>
where
    F: Future<Output = Result<T, Status>>,
{
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the async runtime")?;
    Ok(runtime.block_on(async {
        let told = async { work(reach(address).await?).await };
        let late = |_| Err(Status::deadline_exceeded(format!("does not answer within {} s", PATIENCE.as_secs())));
        tokio::time::timeout(PATIENCE, told).await.unwrap_or_else(late)
    }))
}

/// The error of a command whose call came to nothing.
pub(crate) fn refused(address: &str, status: &Status) -> anyhow::Error {
    match status.code() {
        Code::DeadlineExceeded => anyhow!("the node at {address} {}", status.message()),
        _ => {
            let (said, place) = (status.message(), format!("{address}: "));
            anyhow!("the node at {place}{}", said.strip_prefix(&place).unwrap_or(said))
        }
    }
}

/// Connects to a node. Retries for a while, because the node may still be starting.
async fn reach(address: &str) -> Result<NodeClient, Status> {
    let since = Instant::now();
    loop {
        match NodeClient::connect(address).await {
            Err(status) if status.code() == Code::Unavailable && since.elapsed() < STARTING => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            reached => return reached,
        }
    }
}
