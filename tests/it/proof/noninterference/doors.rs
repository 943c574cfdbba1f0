//! The ways by which a viewer asks: by token or by API key, in a POST or in a GET; and what nobody is told who is not signed in.

use chrono::TimeDelta;
use posture_gateway::domain::api_key::KeyKind;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{CustomerId, UserId};
use posture_gateway::domain::secret::Secret;
use posture_gateway::store::seed::World;

use crate::support::app::{App, Client, Reply};
use crate::support::dice::Dice;
use crate::support::uploads::log;

/// A way to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Post,
    Get,
    /// By the key of a program.
    Key,
    /// Not signed in.
    Nobody,
}

/// What has a path of its own.
#[derive(Clone, Debug)]
pub(super) enum Path {
    /// The file of evidence, read.
    File(String),
    /// The same, added.
    AddFile(String),
    /// A scan of a customer.
    Upload(CustomerId),
}

impl Path {
    /// What is asked for, of all of them.
    pub(super) const NAMES: [&str; 3] = ["a file", "a file to add", "an upload"];

    pub(super) const fn name(&self) -> &'static str {
        let [file, add, upload] = Self::NAMES;
        match self {
            Self::File(_) => file,
            Self::AddFile(_) => add,
            Self::Upload(_) => upload,
        }
    }
}

/// The longest document that is sent in a GET: encoded it has room in the head of a request.
const LONGEST: usize = 10_000;

/// The ways of one viewer.
pub(super) struct Doors {
    token: Client,
    /// What a connection is opened with, of a token and of a key where there is one.
    bearers: Vec<String>,
    /// By a key, and the statement that takes its secret away again.
    key: Option<(Client, String)>,
    nobody: Client,
}

impl Doors {
    /// Gives the key of a program a secret for as long as it asks. A key that the change is about opens nothing: its own holder may tell
    /// that it is revoked.
    pub(super) async fn open(app: &App, viewer: UserId, [before, after]: [&World; 2]) -> Self {
        let keys = |world: &World| {
            let own =
                world.api_keys.iter().find(|row| row.user_id == Some(viewer) && row.revoked_at.is_none());
            let partners =
                world.partner_api_keys.iter().find(|row| row.user_id == viewer && row.revoked_at.is_none());
            let kind = match (own, partners) {
                (Some(_), _) => Some((KeyKind::Customer, "api_keys")),
                (None, Some(_)) => Some((KeyKind::Partner, "partner_api_keys")),
                (None, None) => None,
            };
            let rows = (serde_json::to_value(own).unwrap(), serde_json::to_value(partners).unwrap());
            (kind, rows)
        };
        let (found, rows) = keys(before);
        let token = app.token(viewer, app.clock.now(), TimeDelta::days(3650));
        let (mut key, mut bearers) = (None, vec![token.clone()]);
        if let Some((kind, table)) = found.filter(|_| rows == keys(after).1) {
            let secret = Secret::of(kind.prefix(), [7; 32]).reveal().to_owned();
            let set = |to: &str| format!("update {table} set secret_hash = {to} where user_id = '{viewer}'");
            app.as_owner(&set(&format!("sha256('{secret}')"))).await;
            key = Some((app.with_token(&secret), set("null")));
            bearers.push(secret);
        }
        Self { token: app.with_token(&token), bearers, key, nobody: app.anonymous() }
    }

    /// By what the viewer listens: by their token, or by a key.
    pub(super) fn bearer(&self, dice: &mut Dice) -> &str {
        &self.bearers[dice.below(self.bearers.len())]
    }

    pub(super) async fn close(self, app: &App) {
        if let Some((_, take_away)) = self.key {
            app.as_owner(&take_away).await;
        }
    }

    /// A way that there is for a document.
    pub(super) fn way(&self, document: &str, dice: &mut Dice) -> Way {
        match dice.below(8) {
            0 => Way::Nobody,
            1 | 2 if document.len() <= LONGEST => Way::Get,
            3..=5 if self.key.is_some() => Way::Key,
            _ => Way::Post,
        }
    }

    fn client(&self, way: Way) -> &Client {
        match way {
            Way::Nobody => &self.nobody,
            Way::Key => self.key.as_ref().map_or(&self.token, |(client, _)| client),
            Way::Post | Way::Get => &self.token,
        }
    }

    pub(super) async fn ask(&self, document: &str, way: Way, in_extensions: bool) -> Reply {
        let client = self.client(way);
        let client = if in_extensions { client.hidden_in_extensions() } else { client.clone() };
        if way == Way::Get {
            let query: String = url::form_urlencoded::byte_serialize(document.as_bytes()).collect();
            client.get(&format!("query={query}")).await
        } else {
            client.ask(document).await
        }
    }

    /// Asks by a path beside GraphQL's.
    pub(super) async fn other(&self, path: &Path, way: Way) -> Reply {
        let client = self.client(way);
        let request = match path {
            Path::File(evidence) => client.get_from(&format!("/evidence/{evidence}/file")),
            Path::AddFile(evidence) => {
                let to = format!("/evidence/{evidence}/file?name=a.txt");
                client.post_to(&to).header("content-type", "text/plain").body("text")
            }
            Path::Upload(customer) => {
                let to = format!("/ingest/sarif?customer={}", GlobalId::Customer(*customer));
                client.post_to(&to).body(log(&["error"]).to_string())
            }
        };
        client.send(request).await
    }
}
