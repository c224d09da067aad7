//! The secrets and certificates that a setup names: a check says which of them this machine does not have.

use std::sync::Arc;

use super::agents::AgentDraft;
use crate::agent::http::{Secrets, authorities};
use crate::flow::yaml::Place;
use crate::model::{Mistake, SecretRef};

/// Something that an agent needs and that is no part of the setup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    what: What,
    file: String,
    at: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Secret(SecretRef),
    Authorities(Arc<str>),
}

impl Need {
    /// The variable of the environment, if that is what is needed.
    pub fn variable(&self) -> Option<&Arc<str>> {
        match &self.what {
            What::Secret(SecretRef::Env(name)) => Some(name),
            What::Secret(SecretRef::File(_)) | What::Authorities(_) => None,
        }
    }
}

/// What these agents need.
pub(super) fn of(agents: &[AgentDraft]) -> Vec<Need> {
    let mut found = Vec::new();
    for agent in agents {
        let Some(draft) = &agent.endpoint else { continue };
        let need = |what, at: &Place| Need { what, file: agent.path.clone(), at: *at };
        found.extend(draft.secrets.iter().map(|(secret, at)| need(What::Secret(secret.clone()), at)));
        found.extend(draft.ca.iter().map(|(path, at)| need(What::Authorities(Arc::clone(path)), at)));
    }
    found
}

/// What cannot be had here. The setup may be meant for another machine: this is no mistake in it.
pub(super) fn missing(needs: &[Need], secrets: &Secrets) -> Vec<Mistake> {
    let missing = needs.iter().filter_map(|need| {
        let why = match &need.what {
            What::Secret(secret) => secrets.find(secret).err()?,
            What::Authorities(path) => authorities(path).err()?,
        };
        Some(need.at.mistake(&need.file, why, None))
    });
    missing.collect()
}
