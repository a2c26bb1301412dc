//! Classification of a mail server's refusal: it concerns the address, the mail, or the client.
//! Pure.
//!
//! By the enhanced status code at the beginning of the reply (RFC 3463, and codes registered by
//! IANA since), else by the basic code. If neither blames the address or the mail, the refusal
//! concerns the client.

/// Negative reply of a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal<'a> {
    /// Three digits, from 400.
    pub code: u16,
    /// Text of the reply.
    pub text: &'a str,
}

/// What a refusal concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefusalScope {
    /// Transient: may be accepted later.
    Temporary,
    /// The address: this mail, or any, is refused for it.
    Address,
    /// The mail: refused for every address.
    Message,
    /// The client: the sender, its name, or its rights at the server.
    Client,
}

/// Command that a server replies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// RCPT.
    Address,
    /// DATA: the mail itself.
    Message,
    /// Anything else.
    Client,
}

impl Refusal<'_> {
    /// Subject and detail of the enhanced code: 1 and 10 of `5.1.10`.
    fn enhanced(self) -> Option<(u16, u16)> {
        let mut parts = self.text.split_whitespace().next()?.split('.');
        let mut number = || {
            let part = parts.next()?;
            let is_number = part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<u16>().ok().filter(|_| is_number)
        };
        let (class, subject, detail) = (number()?, number()?, number()?);
        (class == self.code / 100 && parts.next().is_none()).then_some((subject, detail))
    }

    /// What the refusal concerns, as a reply to this command.
    pub(super) fn scope(self, step: Step) -> RefusalScope {
        let is_address = || match self.enhanced() {
            Some(code) => matches!(code, (1, 0..=3 | 6 | 10) | (2, 1)),
            None => matches!(self.code, 550 | 551 | 553),
        };
        let is_message = || match self.enhanced() {
            Some(code) => matches!(code, (6, _) | (3, 4)),
            None => self.code == 552,
        };
        match step {
            _ if self.code < 500 => RefusalScope::Temporary,
            Step::Address if is_address() => RefusalScope::Address,
            Step::Message if is_message() => RefusalScope::Message,
            Step::Address | Step::Message | Step::Client => RefusalScope::Client,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(line: &str) -> Refusal<'_> {
        let (code, text) = line.split_once(' ').unwrap();
        Refusal { code: code.parse().unwrap(), text }
    }

    #[test]
    fn an_address_is_refused_by_what_is_said_of_it_alone() {
        for (line, about) in [
            ("550 5.1.1 <a@x>: Recipient address rejected: User unknown", RefusalScope::Address),
            ("550 5.1.10 recipient has a null MX", RefusalScope::Address),
            ("550 5.1.6 mailbox has moved", RefusalScope::Address),
            ("550 5.2.1 account disabled", RefusalScope::Address),
            ("501 5.1.3 bad address syntax", RefusalScope::Address),
            ("550 no such user", RefusalScope::Address),
            ("551 user not local", RefusalScope::Address),
            ("553 mailbox name not allowed", RefusalScope::Address),
            (
                "504 5.5.2 <vm>: Helo command rejected: need fully-qualified hostname",
                RefusalScope::Client,
            ),
            ("554 5.7.1 <a@x>: Relay access denied", RefusalScope::Client),
            ("550 5.7.1 Client host rejected", RefusalScope::Client),
            ("550 5.7.26 unauthenticated sender", RefusalScope::Client),
            ("550 5.1.8 bad sender's system address", RefusalScope::Client),
            ("553 5.1.7 bad sender", RefusalScope::Client),
            ("552 5.2.2 mailbox full", RefusalScope::Client),
            ("552 mailbox full", RefusalScope::Client),
            ("554 no", RefusalScope::Client),
            ("530 authentication required", RefusalScope::Client),
            ("503 bad sequence", RefusalScope::Client),
            ("521 no mail here", RefusalScope::Client),
            ("550 4.1.1 class and code differ", RefusalScope::Address),
            ("550 5.1 half a code", RefusalScope::Address),
            ("450 4.2.0 greylisted", RefusalScope::Temporary),
            ("452 4.5.3 too many recipients", RefusalScope::Temporary),
        ] {
            assert_eq!(refusal(line).scope(Step::Address), about, "{line}");
        }
    }

    #[test]
    fn a_mail_is_refused_by_what_is_said_of_it_alone() {
        for (line, about) in [
            ("552 5.3.4 message size exceeds fixed limit", RefusalScope::Message),
            ("552 too large", RefusalScope::Message),
            ("554 5.6.0 malformed", RefusalScope::Message),
            ("550 5.6.11 a line is too long", RefusalScope::Message),
            ("552 5.2.2 quota", RefusalScope::Client),
            ("554 5.7.1 looks like spam", RefusalScope::Client),
            ("550 not today", RefusalScope::Client),
            ("451 4.3.0 try again", RefusalScope::Temporary),
        ] {
            assert_eq!(refusal(line).scope(Step::Message), about, "{line}");
        }
        assert_eq!(
            refusal("535 5.7.8 authentication failed").scope(Step::Client),
            RefusalScope::Client
        );
        assert_eq!(refusal("421 4.3.2 closing").scope(Step::Client), RefusalScope::Temporary);
    }
}
