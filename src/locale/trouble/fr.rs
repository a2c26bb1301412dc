//! Les ennuis de connexion en français.

use super::{ConnectionProblem, Explanation};

#[allow(clippy::too_many_lines)] // une ligne par ennui
pub fn explain(trouble: &ConnectionProblem) -> Explanation {
    let say = Explanation::new;
    match trouble {
        ConnectionProblem::SecretUnreadable { why } => say(
            format!("le mot de passe est illisible: {why}"),
            "Définissez la variable ou corrigez le fichier; il est relu à chaque essai",
        ),
        ConnectionProblem::TlsFileUnusable { file, why } => say(
            format!("{file} est inutilisable: {why}"),
            "Donnez un fichier PEM que cet utilisateur peut lire; il est relu à chaque essai",
        ),
        ConnectionProblem::Unusable { why } => {
            say(format!("un réglage est inutilisable: {why}"), "Vérifiez la table [mqtt]")
        }
        ConnectionProblem::EmbeddedStopped => {
            say("le courtier embarqué s'est arrêté".into(), "Voyez plus haut pourquoi")
        }
        ConnectionProblem::UnknownHost { host, why } => say(
            format!("le nom {host} est introuvable ({why})"),
            "Vérifiez l'hôte dans mqtt.url et le serveur de noms",
        ),
        ConnectionProblem::Refused { address } => say(
            format!("{address} refuse les connexions"),
            "Vérifiez que le courtier tourne et que le port dans mqtt.url est le bon",
        ),
        ConnectionProblem::Unreachable { address, why } => say(
            format!("{address} est injoignable ({why})"),
            "Vérifiez le réseau et l'adresse dans mqtt.url",
        ),
        ConnectionProblem::TimedOut { address } => say(
            format!("{address} ne répond pas à temps"),
            "Vérifiez le réseau et les pare-feu sur le chemin",
        ),
        ConnectionProblem::SpeaksPlain { address } => say(
            format!("{address} parle MQTT en clair, pas TLS"),
            "Prenez le port TLS du courtier, ou mqtt:// dans mqtt.url",
        ),
        ConnectionProblem::SpeaksTls { address } => say(
            format!("{address} parle TLS, pas MQTT en clair"),
            "Prenez mqtts:// dans mqtt.url, ou le port en clair du courtier",
        ),
        ConnectionProblem::NotMqtt { address } => say(
            format!("ce qui répond à {address} n'est pas MQTT"),
            "Vérifiez le port dans mqtt.url",
        ),
        ConnectionProblem::Silent { address } => say(
            format!("{address} accepte la connexion et ne dit rien"),
            "Vérifiez que le courtier vit et que le port dans mqtt.url est celui de MQTT",
        ),
        ConnectionProblem::UnknownAuthority { issuer } => say(
            format!("le certificat du courtier est signé par une autorité inconnue ici: {issuer}"),
            "Donnez le certificat de cette autorité dans mqtt.ca_file",
        ),
        ConnectionProblem::Expired { name, since } => say(
            format!("le certificat de {name} a expiré le {since}"),
            "Faites-le renouveler, et vérifiez l'horloge de cette machine",
        ),
        ConnectionProblem::NotYetValid { name, from } => say(
            format!("le certificat de {name} n'est valable qu'à partir du {from}"),
            "Vérifiez l'horloge de cette machine",
        ),
        ConnectionProblem::WrongHostName { host, names } => say(
            format!("le certificat du courtier n'est pas pour {host} mais pour {}", list(names)),
            "Prenez un de ces noms dans mqtt.url, ou faites refaire le certificat",
        ),
        ConnectionProblem::CertificateInvalid { why } => say(
            format!("le certificat du courtier n'est pas valide: {why}"),
            "Faites corriger le certificat du courtier",
        ),
        ConnectionProblem::ClientCertificateMissing => say(
            "le courtier exige un certificat client".into(),
            "Définissez mqtt.client_cert et mqtt.client_key",
        ),
        ConnectionProblem::ClientCertificateRefused { why } => say(
            format!("le courtier refuse le certificat client ({why})"),
            "Vérifiez mqtt.client_cert: ses dates, et que le courtier connaît qui l'a signé",
        ),
        ConnectionProblem::TlsFailed { why } => say(
            format!("la négociation TLS échoue: {why}"),
            "Vérifiez que le port dans mqtt.url est le port TLS du courtier; il faut TLS 1.2 au moins",
        ),
        ConnectionProblem::CredentialsMissing => say(
            "le courtier exige un nom d'utilisateur et un mot de passe".into(),
            "Définissez mqtt.username, et mqtt.password_env ou mqtt.password_file",
        ),
        ConnectionProblem::BadCredentials => say(
            "le nom d'utilisateur ou le mot de passe est faux".into(),
            "Vérifiez mqtt.username et le mot de passe; il est relu à chaque essai",
        ),
        ConnectionProblem::NotAuthorized => say(
            "le courtier n'admet pas cet utilisateur: non autorisé".into(),
            "Vérifiez mqtt.username, le mot de passe et les droits de l'utilisateur chez le courtier",
        ),
        ConnectionProblem::ClientIdRejected { client_id } => say(
            format!("le courtier rejette l'identifiant client {client_id}"),
            "Choisissez un autre mqtt.client_id",
        ),
        ConnectionProblem::ClientIdInUse { client_id } => say(
            format!("un autre client s'est connecté avec l'identifiant {client_id}"),
            "Donnez à chaque client du courtier son propre mqtt.client_id",
        ),
        ConnectionProblem::ClientIdContested { client_id } => say(
            format!(
                "la connexion est fermée chaque fois peu après, comme quand un autre client a \
                 l'identifiant {client_id}"
            ),
            "Donnez à chaque client du courtier son propre mqtt.client_id, ou voyez son journal",
        ),
        ConnectionProblem::VersionUnsupported { version } => say(
            format!("le courtier ne parle pas MQTT {}", version_name(*version)),
            if *version == 5 { "Mettez mqtt.version = 4" } else { "Mettez mqtt.version = 5" },
        ),
        ConnectionProblem::Unavailable => say(
            "le courtier se dit indisponible".into(),
            "Attendez, ou voyez le journal du courtier",
        ),
        ConnectionProblem::QuotaExceeded => say(
            "un quota du courtier est épuisé".into(),
            "Relevez les limites du courtier en connexions et messages, ou envoyez moins",
        ),
        ConnectionProblem::Banned => {
            say("le courtier a banni ce client".into(), "Demandez à qui tient le courtier")
        }
        ConnectionProblem::Moved => {
            say("le courtier renvoie à un autre serveur".into(), "Changez mqtt.url")
        }
        ConnectionProblem::SubscriptionRefused { filter } => say(
            format!("le courtier refuse l'abonnement à {filter}"),
            "Donnez à cet utilisateur le droit de le lire chez le courtier",
        ),
        ConnectionProblem::KeepAlive => say(
            "le courtier n'a rien entendu plus longtemps que le délai de garde".into(),
            "Vérifiez le réseau, ou allongez mqtt.keep_alive",
        ),
        ConnectionProblem::OtherReason { code, text } => say(
            format!("le courtier donne la raison 0x{code:02X}{}", after_colon(text)),
            "Voyez le journal du courtier",
        ),
        ConnectionProblem::Closed => say(
            "la connexion a été fermée sans raison donnée".into(),
            "Vérifiez que le courtier tourne et qu'aucun autre client n'a le même mqtt.client_id",
        ),
        ConnectionProblem::EndedAtConnect => say(
            "le courtier coupe la connexion pendant qu'elle se fait".into(),
            "On lui demandera moins: une dernière volonté non retenue, en QoS 0, aucune, une seule connexion pour tout",
        ),
        ConnectionProblem::EndedAtMessage { topics } => say(
            format!(
                "le courtier a coupé la connexion après un message sur {}",
                topics.join(" ou ")
            ),
            "Vérifiez que cet utilisateur peut y publier, et les limites du courtier",
        ),
        ConnectionProblem::Unexplained { why } => say(
            format!("la connexion s'est rompue en se faisant ({why}); un contrôle n'a rien trouvé"),
            "Voyez le journal du courtier si cela continue",
        ),
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "aucun hôte".into() } else { names.join(", ") }
}

fn after_colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

const fn version_name(version: u8) -> &'static str {
    if version == 5 { "5" } else { "3.1.1" }
}
