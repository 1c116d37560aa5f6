//! Calls to a live node, for operator actions and for `indoubt submit`.

use anyhow::{Context, Result};
use indoubt_node::client::NodeClient;
use std::time::{Duration, Instant};
use tonic::Code;

/// How long to wait for a node's answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait until a node listens.
const STARTING: Duration = Duration::from_secs(3);

/// Connects to the node at `address` and calls it, on a new runtime.
pub(crate) fn call<T, F>(address: &str, work: impl FnOnce(NodeClient) -> F) -> Result<T>
where
    F: Future<Output = Result<T, tonic::Status>>,
{
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the async runtime")?;
    runtime.block_on(async {
        let told = async { work(reach(address).await?).await };
        match tokio::time::timeout(PATIENCE, told).await {
            Err(_) => anyhow::bail!("the node at {address} does not answer within {} s", PATIENCE.as_secs()),
            Ok(Err(status)) => {
                let (said, place) = (status.message(), format!("{address}: "));
                anyhow::bail!("the node at {place}{}", said.strip_prefix(&place).unwrap_or(said))
            }
            Ok(Ok(answer)) => Ok(answer),
        }
    })
}

/// Connects to a node. Retries for a while, because the node may still be starting.
async fn reach(address: &str) -> Result<NodeClient, tonic::Status> {
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
