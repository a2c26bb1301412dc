//! A certificate authority of the test's own.

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder};

pub struct Authority {
    pub cert: X509,
    key: PKey<Private>,
}

/// A certificate and its key.
pub struct Issued {
    pub cert: X509,
    pub key: PKey<Private>,
}

impl Issued {
    pub fn cert_pem(&self) -> Vec<u8> {
        self.cert.to_pem().unwrap()
    }

    pub fn key_pem(&self) -> Vec<u8> {
        self.key.private_key_to_pem_pkcs8().unwrap()
    }
}

const DAY: i64 = 86_400;

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = key();
        let name = common_name(name);
        let mut builder = builder(&name, &name, &key, -DAY, DAY);
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Self { cert: builder.build(), key }
    }

    pub fn pem(&self) -> Vec<u8> {
        self.cert.to_pem().unwrap()
    }

    /// Valid yesterday, today and tomorrow, for `127.0.0.1` or a DNS name.
    pub fn issue(&self, host: &str) -> Issued {
        self.issue_for(host, -DAY, DAY)
    }

    /// Valid between two times, in seconds from now.
    pub fn issue_for(&self, host: &str, from: i64, until: i64) -> Issued {
        let key = key();
        let mut builder = builder(&common_name(host), self.cert.subject_name(), &key, from, until);
        let mut alternative = SubjectAlternativeName::new();
        if host.parse::<std::net::IpAddr>().is_ok() {
            alternative.ip(host);
        } else {
            alternative.dns(host);
        }
        let extension = alternative.build(&builder.x509v3_context(Some(&self.cert), None)).unwrap();
        builder.append_extension(extension).unwrap();
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        Issued { cert: builder.build(), key }
    }
}

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn common_name(text: &str) -> X509Name {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_nid(Nid::COMMONNAME, text).unwrap();
    name.build()
}

fn builder(
    subject: &X509Name,
    issuer: &openssl::x509::X509NameRef,
    key: &PKey<Private>,
    from: i64,
    until: i64,
) -> X509Builder {
    let now = chrono::Utc::now().timestamp();
    let mut serial = BigNum::new().unwrap();
    serial.rand(64, MsbOption::MAYBE_ZERO, false).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(subject).unwrap();
    builder.set_issuer_name(issuer).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(now + from).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(now + until).unwrap()).unwrap();
    builder
}
