//! A certificate authority for one test, and a server certificate it signed.

use std::fs;
use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Extension, X509NameBuilder};

use crate::config::ServerTls;

/// Files in the given folder.
pub(super) struct Certificates {
    pub(super) authority: PathBuf,
    pub(super) server: ServerTls,
}

impl Certificates {
    pub(super) fn make(folder: &Path, name: &str) -> Self {
        Self::try_make(folder, name).expect("certificates")
    }

    fn try_make(folder: &Path, name: &str) -> Result<Self, ErrorStack> {
        let write = |kind: &str, pem: Vec<u8>| {
            let path = folder.join(format!("{name}-{kind}.pem"));
            fs::write(&path, pem).expect("written");
            path
        };
        let authority_key = key()?;
        let mut builder = draft(&format!("{name} authority"), &authority_key)?;
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().build()?)?;
        builder.sign(&authority_key, MessageDigest::sha256())?;
        let authority = builder.build();

        let server_key = key()?;
        let mut builder = draft("localhost", &server_key)?;
        builder.set_issuer_name(authority.subject_name())?;
        let names = names(&builder, &authority)?;
        builder.append_extension(names)?;
        builder.sign(&authority_key, MessageDigest::sha256())?;
        Ok(Self {
            authority: write("authority", authority.to_pem()?),
            server: ServerTls {
                cert: write("server", builder.build().to_pem()?),
                key: write("key", server_key.private_key_to_pem_pkcs8()?),
            },
        })
    }
}

fn key() -> Result<PKey<Private>, ErrorStack> {
    let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    PKey::from_ec_key(EcKey::generate(&curve)?)
}

fn draft(name: &str, key: &PKey<Private>) -> Result<X509Builder, ErrorStack> {
    let mut subject = X509NameBuilder::new()?;
    subject.append_entry_by_text("CN", name)?;
    let subject = subject.build();
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    let serial = BigNum::from_u32(rand::random())?.to_asn1_integer()?;
    builder.set_serial_number(&serial)?;
    builder.set_subject_name(&subject)?;
    builder.set_issuer_name(&subject)?;
    builder.set_pubkey(key)?;
    let (from, to) = (Asn1Time::days_from_now(0)?, Asn1Time::days_from_now(1)?);
    builder.set_not_before(&from)?;
    builder.set_not_after(&to)?;
    Ok(builder)
}

fn names(builder: &X509Builder, authority: &X509) -> Result<X509Extension, ErrorStack> {
    let context = builder.x509v3_context(Some(authority), None);
    SubjectAlternativeName::new().dns("localhost").ip("127.0.0.1").build(&context)
}
