//! Certificate of the embedded broker. Errors name the configuration key.

use openssl::error::{Error, ErrorStack};
use openssl::sha::sha256;
use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod};

use crate::config::ServerTls;

/// TLS acceptor; reads the certificate and key files.
pub(super) fn acceptor(ServerTls { cert, key }: &ServerTls) -> Result<SslAcceptor, String> {
    // OpenSSL's errors don't name the file.
    for (path, name) in [(cert, "broker.tls_cert"), (key, "broker.tls_key")] {
        std::fs::File::open(path).map_err(|error| {
            format!("can't read the file {}: {error}; correct {name}", path.display())
        })?;
    }
    let build = || {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
        acceptor.set_certificate_chain_file(cert)?;
        acceptor.set_private_key_file(key, SslFiletype::PEM)?;
        acceptor.check_private_key()?;
        Ok(acceptor.build())
    };
    build().map_err(|error: ErrorStack| {
        let why = error.errors().first().and_then(Error::reason);
        format!(
            "can't use the TLS certificate {} with the key {}: {}; broker.tls_cert and broker.tls_key must be PEM \
             files that belong together",
            cert.display(),
            key.display(),
            why.unwrap_or("unknown cause"),
        )
    })
}

/// Digest of the certificate, to detect a replaced one. Reads the file.
pub(super) fn digest(ServerTls { cert, .. }: &ServerTls) -> Result<[u8; 32], String> {
    std::fs::read(cert).map(|bytes| sha256(&bytes)).map_err(|error| {
        format!("can't read the file {}: {error}; correct broker.tls_cert", cert.display())
    })
}
