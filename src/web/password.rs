//! Passwords and tokens. Passwords are hashed by Argon2id with its default parameters (19 MiB, two passes).
//!
//! Always: a fresh salt from the system's random numbers. Never: a password or hash in an error.

use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};

/// Hash of a password in PHC notation, as `[[web.users]]` takes it. Takes some 20 ms.
///
/// # Errors
/// If the system has no random numbers, or no memory.
pub fn hash_password(password: &str) -> Result<String, String> {
    let mut salt = [0; 16];
    openssl::rand::rand_bytes(&mut salt)
        .map_err(|error| format!("the system gives no random numbers: {error}"))?;
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| format!("can't hash the password: {error}"))
}

/// Whether a hash is of this password; takes as long as the hash's parameters demand.
pub(super) fn is_password(password: &str, hash: &str) -> bool {
    let verify =
        |hash: &PasswordHash| Argon2::default().verify_password(password.as_bytes(), hash).is_ok();
    PasswordHash::new(hash).is_ok_and(|hash| verify(&hash))
}

/// Whether a secret is the expected one. Takes the same time wherever they differ.
pub(super) fn is_same_secret(given: &str, expected: &str) -> bool {
    // The comparison panics for different lengths, which are no secret.
    given.len() == expected.len() && openssl::memcmp::eq(given.as_bytes(), expected.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_the_same_byte_by_byte() {
        assert!(is_same_secret("s3cret", "s3cret") && is_same_secret("", ""));
        for other in ["s3creT", "s3cre", "s3crets", ""] {
            assert!(!is_same_secret(other, "s3cret"), "{other}");
        }
    }

    #[test]
    fn a_hash_is_of_its_password_alone_and_new_each_time() {
        let hash = hash_password("hunter2 é").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(is_password("hunter2 é", &hash));
        assert!(!is_password("hunter2 e", &hash));
        assert!(!is_password("", &hash));
        assert!(!is_password("hunter2 é", "no hash"));
        assert_ne!(hash_password("hunter2 é").unwrap(), hash);
    }
}
