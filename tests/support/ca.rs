//! A certificate authority for one test, and the certificates it signs.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use tempfile::TempDir;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Validity period of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// From yesterday until tomorrow.
    Now,
    /// Until yesterday.
    StoredState,
}

pub struct Ca {
    dir: TempDir,
    cert: X509,
    key: PKey<Private>,
}

/// A server's certificate and its key.
pub struct Certificate {
    cert: X509,
    key: PKey<Private>,
}

impl Ca {
    pub fn new(name: &str) -> Self {
        let key = new_key();
        let mut builder = start(name, Validity::Now, &key);
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        let usage = KeyUsage::new().critical().key_cert_sign().crl_sign().build().unwrap();
        builder.append_extension(usage).unwrap();
        let id = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(id).unwrap();
        let subject = subject(name).build();
        builder.set_issuer_name(&subject).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        let ca = Self { dir: TempDir::new().unwrap(), cert: builder.build(), key };
        fs::write(ca.file(), ca.cert.to_pem().unwrap()).unwrap();
        ca
    }

    /// The authority's own certificate, PEM: what a client's `ca_file` names.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// Issues a server certificate for these host names and addresses.
    pub fn issue(&self, names: &[&str], validity: Validity) -> Certificate {
        let key = new_key();
        let mut builder = start(names[0], validity, &key);
        let mut alternatives = SubjectAlternativeName::new();
        for name in names {
            if name.parse::<IpAddr>().is_ok() {
                alternatives.ip(name);
            } else {
                alternatives.dns(name);
            }
        }
        let context = builder.x509v3_context(Some(&self.cert), None);
        let extensions = [
            alternatives.build(&context).unwrap(),
            AuthorityKeyIdentifier::new().keyid(true).build(&context).unwrap(),
            ExtendedKeyUsage::new().server_auth().build().unwrap(),
        ];
        for extension in extensions {
            builder.append_extension(extension).unwrap();
        }
        builder.set_issuer_name(self.cert.subject_name()).unwrap();
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        Certificate { cert: builder.build(), key }
    }

    /// Issues the usual certificate: valid now, for `localhost` and 127.0.0.1.
    pub fn issue_local(&self) -> Certificate {
        self.issue(&["localhost", "127.0.0.1"], Validity::Now)
    }
}

impl Certificate {
    /// Writes certificate and key as PEM.
    pub fn write_pem(&self, cert: &Path, key: &Path) {
        fs::write(cert, self.cert.to_pem().unwrap()).unwrap();
        fs::write(key, self.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    }

    /// TLS acceptor of a server with this certificate.
    pub fn acceptor(&self) -> SslAcceptor {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
        acceptor.set_private_key(&self.key).unwrap();
        acceptor.set_certificate(&self.cert).unwrap();
        acceptor.build()
    }

    /// Writes certificate and key as a PKCS#12 key store, the format of Java.
    pub fn write_key_store(&self, file: &Path, password: &str) {
        let store =
            Pkcs12::builder().name("server").pkey(&self.key).cert(&self.cert).build2(password);
        fs::write(file, store.unwrap().to_der().unwrap()).unwrap();
    }
}

fn new_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn subject(name: &str) -> X509NameBuilder {
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    subject
}

/// A certificate without issuer, extensions and signature.
fn start(name: &str, validity: Validity, key: &PKey<Private>) -> X509Builder {
    let now = chrono::Utc::now().timestamp();
    let (from, until) = match validity {
        Validity::Now => (now - DAY_SECONDS, now + DAY_SECONDS),
        Validity::StoredState => (now - 10 * DAY_SECONDS, now - DAY_SECONDS),
    };
    let mut serial = BigNum::new().unwrap();
    serial.rand(127, MsbOption::MAYBE_ZERO, false).unwrap();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap(); // X.509 v3
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject(name).build()).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(from).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(until).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    builder
}
