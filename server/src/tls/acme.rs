//! Certificates that an authority signs by ACME (RFC 8555), which asks the server whether a name is
//! its own by TLS-ALPN-01 (RFC 8737).

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeHandle, ChallengeType, Identifier,
    NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;
use tokio::time::timeout;

use super::kept::write;
use super::{Pair, TlsError, provider};
use crate::config::AcmeConfig;
use crate::files::{self, AtPath};
use crate::hash::hash;
use crate::private_folder::{FolderChoice, of_state};
use crate::sync::IgnorePoison;

/// The protocol that the authority asks by (RFC 8737, 6.2).
pub const ACME_ALPN: &[u8] = b"acme-tls/1";

/// The longest time for an order.
const ORDER_TIME: Duration = Duration::from_secs(300);
/// The longest time for the authority's look at the server, and for its signature.
const STEP_TIME: Duration = Duration::from_secs(120);
/// The most bytes of a file with an account.
const ACCOUNT_BYTES: u64 = 64 << 10;

/// The reason why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// There is no place for it.
    #[error("`acme` needs a state folder: each start would ask for another certificate")]
    NoFolder,
    /// The authority refuses, or can't be reached.
    #[error("{0}")]
    Authority(#[from] instant_acme::Error),
    /// It took too long.
    #[error("the authority has not answered within {ORDER_TIME:?}")]
    Late,
    /// The authority has another way only to look whether a name is the server's.
    #[error("the authority does not ask `{0}` by TLS-ALPN-01")]
    NoChallenge(String),
    /// It didn't find what it looked for.
    #[error("the authority did not find this server by port 443 of {0}")]
    Refused(String),
    /// No answer to its question can be made.
    #[error("no answer to the authority can be made: {0}")]
    Made(#[from] rcgen::Error),
    /// The same.
    #[error("no answer to the authority can be made: {0}")]
    Key(#[from] rustls::Error),
    /// It can't be kept.
    #[error(transparent)]
    Kept(#[from] AtPath<io::Error>),
    /// What is kept of the account is none.
    #[error("{path}: the account can't be read: {why}; remove the file to make a new one")]
    Account {
        /// The file.
        path: PathBuf,
        /// The words of the reader.
        why: String,
    },
    /// What was signed can't be used.
    #[error(transparent)]
    Read(#[from] TlsError),
}

/// Certificates by which the server answers the authority, by the names that it asks for. Clones
/// share them.
#[derive(Clone, Default)]
pub struct Challenges(Arc<Mutex<HashMap<String, Arc<CertifiedKey>>>>);

impl Challenges {
    /// The one for `name`.
    pub fn find(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.0.lock().ignore_poison().get(name).cloned()
    }

    fn put(&self, name: &str, answer: CertifiedKey) {
        let mut answers = self.0.lock().ignore_poison();
        answers.insert(name.to_owned(), Arc::new(answer));
    }

    fn clear(&self) {
        self.0.lock().ignore_poison().clear();
    }
}

/// The place for certificates and accounts.
#[derive(Clone)]
pub struct Acme {
    folder: Option<PathBuf>,
    challenges: Challenges,
}

impl Acme {
    /// In the state folder that `place` says, for the server with the pipeline file `file`.
    pub fn open(place: &FolderChoice, file: &Path) -> Self {
        let folder = of_state(place, "tls", file).unwrap_or_else(|error| {
            tracing::warn!(%error, "certificates can't be kept");
            None
        });
        Self {
            folder,
            challenges: Challenges::default(),
        }
    }

    /// The answers to the authority's questions.
    pub fn challenges(&self) -> &Challenges {
        &self.challenges
    }

    /// The certificate that is kept for the domains of `config`.
    pub fn kept(&self, config: &AcmeConfig) -> Option<Pair> {
        let path = self.path(config, "pem").ok()?;
        let pair = Pair::read(&path, &path).ok()?;
        pair.has(&config.domains).then_some(pair)
    }

    /// Whether `pair` is to be renewed at `now`: a third of its time is left.
    pub fn is_due(pair: &Pair, now: SystemTime) -> bool {
        let left = pair.until().duration_since(now).unwrap_or_default();
        left < pair.lifetime() / 3
    }

    /// Has a new certificate signed, and keeps it.
    ///
    /// # Errors
    /// The authority refuses, or it can't be kept.
    pub async fn order(&self, config: &AcmeConfig) -> Result<Pair, AcmeError> {
        let path = self.path(config, "pem")?;
        let ordered = timeout(ORDER_TIME, self.sign(config)).await;
        self.challenges.clear();
        let pem = ordered.map_err(|_| AcmeError::Late)??;
        // Before it is kept: what can't be read is of no use.
        Pair::from_pem(pem.as_bytes(), &path)?;
        write(&path, pem.as_bytes()).map_err(|error| AtPath::new(&path, error))?;
        Ok(Pair::read(&path, &path)?)
    }

    /// The file of an authority with this `ending`.
    fn path(&self, config: &AcmeConfig, ending: &str) -> Result<PathBuf, AcmeError> {
        let folder = self.folder.as_ref().ok_or(AcmeError::NoFolder)?;
        let authority = hash::<8>(config.directory.as_bytes());
        Ok(folder.join(format!("acme-{authority}.{ending}")))
    }

    /// The certificate and its key, in PEM.
    async fn sign(&self, config: &AcmeConfig) -> Result<String, AcmeError> {
        let account = self.account(config).await?;
        let names = config.domains.iter().cloned().map(Identifier::Dns);
        let names: Vec<_> = names.collect();
        let mut order = account.new_order(&NewOrder::new(&names)).await?;
        self.authorize(&mut order).await?;
        let patience = RetryPolicy::default().timeout(STEP_TIME);
        if order.poll_ready(&patience).await? != OrderStatus::Ready {
            return Err(AcmeError::Refused(config.domains.join(", ")));
        }
        let key = order.finalize().await?;
        Ok(order.poll_certificate(&patience).await? + &key)
    }

    /// Answers the authority's questions whether the names are this server's.
    async fn authorize(&self, order: &mut Order) -> Result<(), AcmeError> {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let name = authorization.identifier().to_string();
            let challenge = authorization.challenge(ChallengeType::TlsAlpn01);
            let mut challenge = challenge.ok_or_else(|| AcmeError::NoChallenge(name.clone()))?;
            self.challenges.put(&name, answer(&name, &challenge)?);
            challenge.set_ready().await?;
        }
        Ok(())
    }

    /// The account with the authority, which is made and kept if there is none.
    async fn account(&self, config: &AcmeConfig) -> Result<Account, AcmeError> {
        let path = self.path(config, "account.json")?;
        let builder = match &config.ca {
            Some(ca) => Account::builder_with_root(ca)?,
            None => Account::builder()?,
        };
        if path.exists() {
            let wrong = |why: String| AcmeError::Account {
                path: path.clone(),
                why,
            };
            let text = files::read(&path, ACCOUNT_BYTES).map_err(|why| wrong(why.to_string()))?;
            let credentials = serde_json::from_slice::<AccountCredentials>(&text);
            let credentials = credentials.map_err(|why| wrong(why.to_string()))?;
            return Ok(builder.from_credentials(credentials).await?);
        }
        let contact: Vec<_> = config
            .email
            .iter()
            .map(|it| format!("mailto:{it}"))
            .collect();
        let contact: Vec<_> = contact.iter().map(String::as_str).collect();
        let new = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let (account, credentials) = builder.create(&new, config.directory.clone(), None).await?;
        let text = serde_json::to_vec(&credentials).map_err(io::Error::other);
        let kept = text.and_then(|text| write(&path, &text));
        kept.map_err(|error| AtPath::new(&path, error))?;
        Ok(account)
    }
}

/// The certificate that answers the `challenge` for `name` (RFC 8737, 3).
fn answer(name: &str, challenge: &ChallengeHandle<'_>) -> Result<CertifiedKey, AcmeError> {
    let digest = challenge.key_authorization().digest();
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new([name.to_owned()])?;
    let extension = CustomExtension::new_acme_identifier(digest.as_ref());
    params.custom_extensions = vec![extension];
    let certificate = params.self_signed(&key)?.der().clone();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let key = provider().key_provider.load_private_key(key)?;
    // Not checked against each other: the extension is critical, and rustls doesn't know it.
    Ok(CertifiedKey::new(vec![certificate], key))
}
