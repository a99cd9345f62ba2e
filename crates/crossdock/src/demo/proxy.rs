//! A wire between the hub and Odoo that can be cut: connections under way break, new ones are refused.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The wire.
#[derive(Clone, Debug)]
pub struct Wire {
    pub address: SocketAddr,
    cut: Arc<watch::Sender<bool>>,
}

impl Wire {
    /// Lays a wire to `target` on a free port of the loopback interface.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn lay(target: String) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let cut = Arc::new(watch::Sender::new(false));
        let switch = cut.clone();
        tokio::spawn(async move {
            loop {
                let Ok((near, _)) = listener.accept().await else { continue };
                let mut switched = switch.subscribe();
                if *switched.borrow_and_update() {
                    continue;
                }
                let target = target.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        () = carry(near, &target) => {}
                        _ = switched.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Ok(Self { address, cut })
    }

    /// Cuts or mends it.
    pub fn cut(&self, cut: bool) {
        self.cut.send_replace(cut);
    }
}

async fn carry(mut near: TcpStream, target: &str) {
    if let Ok(mut far) = TcpStream::connect(target).await {
        // Either side may hang up at any time; that is what a wire is.
        drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
    }
}
