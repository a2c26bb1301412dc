//! Who may connect: the configured user, and the daemon's own gateway.
//!
//! Holds always: user names and passwords are compared in constant time, by their digests; a
//! password is kept as its digest only, and never logged.

use std::sync::Arc;

use openssl::memcmp;
use openssl::sha::sha256;

type Digest = [u8; 32];

/// The accounts that may connect. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Accounts(Arc<[(Digest, Digest)]>);

impl Accounts {
    pub(super) fn new<'a>(accounts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let digests =
            |(user, password): (&str, &str)| (sha256(user.as_bytes()), sha256(password.as_bytes()));
        Self(accounts.into_iter().map(digests).collect())
    }

    /// Whether one account has this user name and this password. Looks at all of them, always.
    #[expect(
        clippy::needless_bitwise_bool,
        reason = "`&&` and `||` would answer sooner for some names"
    )]
    pub(super) fn admit(&self, user: Option<&[u8]>, password: Option<&[u8]>) -> bool {
        let user_digest = sha256(user.unwrap_or_default());
        let password_digest = sha256(password.unwrap_or_default());
        let matching = self.0.iter().fold(false, |found, (known_user, known_password)| {
            let same_user = memcmp::eq(known_user, &user_digest);
            let same_password = memcmp::eq(known_password, &password_digest);
            found | (same_user & same_password)
        });
        matching & user.is_some() & password.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admits_a_known_user_with_its_own_password_only() {
        let accounts = Accounts::new([("fleet", "s3cret"), ("gateway", "other")]);
        let admit = |user: Option<&str>, password: Option<&str>| {
            accounts.admit(user.map(str::as_bytes), password.map(str::as_bytes))
        };
        assert!(admit(Some("fleet"), Some("s3cret")));
        assert!(admit(Some("gateway"), Some("other")));
        assert!(!admit(Some("fleet"), Some("other")));
        assert!(!admit(Some("fleet"), Some("s3cre")));
        assert!(!admit(Some("Fleet"), Some("s3cret")));
        assert!(!admit(Some("fleet"), None));
        assert!(!admit(None, Some("s3cret")));
        assert!(!admit(None, None));
    }

    #[test]
    fn without_accounts_nobody_is_admitted_and_nothing_is_not_a_password() {
        assert!(!Accounts::default().admit(Some(b""), Some(b"")));
        let empty = Accounts::new([("", "")]);
        assert!(!empty.admit(None, None));
    }
}
