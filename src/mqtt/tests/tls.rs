//! Connections by TLS.

use openssl::ssl::{SslAcceptor, SslMethod, SslVerifyMode};

use super::authority::Authority;
use super::connecting::fails_because;
use super::peer::{Options, Peer};
use super::stage::{Stage, log_of, on_stage, readings, settings, until};
use crate::config::{ClientTls, Endpoint};
use crate::mqtt::Settings;

/// A broker over TLS with a certificate for 127.0.0.1; `ca.pem` in its folder is what clients trust.
fn tls_broker(authority: &Authority, clients: SslVerifyMode) -> Peer {
    let issued = authority.issue("127.0.0.1");
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_certificate(&issued.cert).unwrap();
    acceptor.set_private_key(&issued.key).unwrap();
    acceptor.cert_store_mut().add_cert(authority.cert.clone()).unwrap();
    acceptor.set_verify(clients);
    let broker = Peer::start_with(Options { tls: Some(acceptor.build()), ..Options::default() });
    std::fs::write(broker.folder().join("ca.pem"), authority.pem()).unwrap();
    broker
}

fn over_tls(name: &str, broker: &Peer, tls: ClientTls) -> Settings {
    let mut settings = settings(name, broker.port);
    settings.mqtt.endpoint =
        Endpoint::Remote { host: "127.0.0.1".into(), port: broker.port, tls: true };
    settings.mqtt.tls = tls;
    settings
}

#[test]
fn tls_connects_with_the_right_trust_and_says_what_is_wrong_otherwise() {
    on_stage(async {
        let authority = Authority::new("own CA");
        let broker = tls_broker(&authority, SslVerifyMode::NONE);
        let ca_file = broker.folder().join("ca.pem");
        let trust = ClientTls { ca_file: Some(ca_file.clone()), ..ClientTls::default() };

        let stage = Stage::new(over_tls("secure", &broker, trust.clone()));
        let gateway = stage.start();
        gateway.until_ready().await;
        stage.send(readings(0..1)).await;
        until("it comes back", || stage.numbers() == [0.0]).await;
        stage.stop(gateway).await;

        let stranger = over_tls("stranger", &broker, ClientTls::default());
        fails_because("an authority that is not trusted here: CN=own CA", stranger).await;

        let mut misnamed = over_tls("misnamed", &broker, trust);
        misnamed.mqtt.endpoint =
            Endpoint::Remote { host: "localhost".into(), port: broker.port, tls: true };
        fails_because("is not for localhost but for 127.0.0.1", misnamed).await;

        let naked = settings("naked", broker.port);
        fails_because("speaks TLS, not plain MQTT. Use mqtts://", naked).await;

        let skip = ClientTls { insecure_skip_verify: true, ..ClientTls::default() };
        let stage = Stage::new(over_tls("careless", &broker, skip));
        let gateway = stage.start();
        gateway.until_ready().await;
        assert_eq!(log_of("careless is NOT verified").len(), 1);
        stage.stop(gateway).await;
    });
}

#[test]
fn a_mended_trust_file_heals_without_a_restart() {
    on_stage(async {
        let authority = Authority::new("own CA");
        let broker = tls_broker(&authority, SslVerifyMode::NONE);
        let file = broker.folder().join("trust.pem");
        std::fs::write(&file, Authority::new("another").pem()).unwrap();
        let trust = ClientTls { ca_file: Some(file.clone()), ..ClientTls::default() };
        let stage = Stage::new(over_tls("mended", &broker, trust));
        let gateway = stage.start();
        until("a failure is told", || !log_of("connect to mended").is_empty()).await;
        std::fs::write(&file, authority.pem()).unwrap();
        gateway.until_ready().await;
        stage.stop(gateway).await;
    });
}

#[test]
fn client_certificates_work_and_their_lack_is_told() {
    on_stage(async {
        let authority = Authority::new("own CA");
        let broker =
            tls_broker(&authority, SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        let put = |name: &str, content: Vec<u8>| {
            let path = broker.folder().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let client = authority.issue("client");
        let trust =
            ClientTls { ca_file: Some(put("ca.pem", authority.pem())), ..ClientTls::default() };
        let bare = over_tls("bare", &broker, trust.clone());
        fails_because("wants a client certificate", bare).await;
        let known = ClientTls {
            client_cert: Some((put("c.pem", client.cert_pem()), put("c.key", client.key_pem()))),
            ..trust
        };
        let stage = Stage::new(over_tls("known", &broker, known));
        let gateway = stage.start();
        gateway.until_ready().await;
        stage.stop(gateway).await;
    });
}

#[test]
fn tls_to_a_plain_port_and_unknown_hosts_are_told() {
    on_stage(async {
        let broker = Peer::start();
        let plain = over_tls("plain", &broker, ClientTls::default());
        fails_because("speaks plain MQTT, not TLS", plain).await;
        let mut lost = settings("nowhere", 1883);
        lost.mqtt.endpoint =
            Endpoint::Remote { host: "no-such-host.invalid".into(), port: 1883, tls: false };
        fails_because("the name no-such-host.invalid can't be resolved", lost).await;
    });
}
