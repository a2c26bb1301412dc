//! TLS certificate of the web server, replaced by a reload without interruption.
//!
//! Always: a handshake uses the last certificate that was read and matches its key; TLS 1.2 or
//! later; HTTP/1.1, whose limits are the server's. Never: a key in an error.

use std::sync::{Arc, PoisonError, RwLock};

use openssl::error::{Error, ErrorStack};
use openssl::hash::MessageDigest;
use openssl::ssl::{
    AlpnError, ClientHelloResponse, SslAcceptor, SslAcceptorBuilder, SslContext, SslFiletype,
    SslMethod, select_next_proto,
};

use crate::config::ServerTls;

/// ALPN protocol list: HTTP/1.1.
const PROTOCOLS: &[u8] = b"\x08http/1.1";

/// Handle to the certificate in use. Shared by the listener and the reload.
#[derive(Debug)]
pub struct Certificate(RwLock<Option<SslContext>>);

impl Certificate {
    /// Without a certificate until [`Certificate::read`].
    #[must_use]
    pub const fn new() -> Self {
        Self(RwLock::new(None))
    }

    /// Reads the files; returns true for a changed certificate. On an error, the present one stays.
    ///
    /// # Errors
    /// If they can't be read or parsed, or the key is of another certificate.
    pub fn read(&self, files: &ServerTls) -> Result<bool, String> {
        let context = context(files)?;
        let digest = |it: &SslContext| it.certificate()?.digest(MessageDigest::sha256()).ok();
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = current.as_ref().and_then(digest);
        let is_other = before.as_deref() != digest(&context).as_deref();
        *current = Some(context);
        Ok(is_other)
    }

    /// TLS acceptor of a listener.
    pub(super) fn acceptor(self: &Arc<Self>) -> Result<SslAcceptorBuilder, ErrorStack> {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
        let current = self.clone();
        acceptor.set_client_hello_callback(move |connection, _| {
            if let Some(context) = &*current.0.read().unwrap_or_else(PoisonError::into_inner) {
                connection.set_ssl_context(context)?;
            }
            Ok(ClientHelloResponse::SUCCESS)
        });
        Ok(acceptor)
    }
}

impl Default for Certificate {
    fn default() -> Self {
        Self::new()
    }
}

fn context(ServerTls { cert, key }: &ServerTls) -> Result<SslContext, String> {
    let failed = |what: &str, error: &ErrorStack| {
        let why = error.errors().first().and_then(Error::reason).unwrap_or("unknown cause");
        format!("{what}: {why}")
    };
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())
        .map_err(|error| failed("TLS can't be used", &error))?;
    acceptor.set_certificate_chain_file(cert).map_err(|error| {
        failed(&format!("tls_cert: {} is no certificate in PEM", cert.display()), &error)
    })?;
    acceptor.set_private_key_file(key, SslFiletype::PEM).map_err(|error| {
        let what = format!("tls_key: {} is no key in PEM of that certificate", key.display());
        failed(&what, &error)
    })?;
    acceptor.set_alpn_select_callback(|_, offered| {
        select_next_proto(PROTOCOLS, offered).ok_or(AlpnError::NOACK)
    });
    Ok(acceptor.build().into_context())
}
