//! Whether an action can be done now, and if not, why.

use super::Pane;
use super::model::Model;
use super::requests::may_ask;
use super::subject;
use crate::engine::{Arming, JournalKind};

type May = Result<(), String>;

pub fn always(_: &Model) -> May {
    Ok(())
}

pub fn no_page(model: &Model) -> May {
    if model.page.is_none() { Ok(()) } else { Err("Esc goes back to the panes first".to_owned()) }
}

pub fn on_list(model: &Model) -> May {
    no_page(model)?;
    match model.focus {
        Pane::Agents | Pane::Workflows | Pane::Incidents | Pane::Ledger => Ok(()),
        _ => Err("this pane has no rows to filter: press 1, 2, 3 or 6".to_owned()),
    }
}

pub fn on_latency(model: &Model) -> May {
    let shown = model.page.is_none() && model.layout().pane(Pane::Latency).is_some();
    if shown { Ok(()) } else { Err("the histogram is not on the screen: press 4".to_owned()) }
}

pub fn on_throughput(model: &Model) -> May {
    let shown = model.page.is_none() && model.layout().pane(Pane::Throughput).is_some();
    if shown { Ok(()) } else { Err("the throughput is not on the screen: press 5".to_owned()) }
}

pub fn can_open(model: &Model) -> May {
    no_page(model)?;
    subject::opened(model).map(|_| ())
}

pub fn can_copy(model: &Model) -> May {
    subject::opened(model).map(|_| ())
}

pub fn has_filter(model: &Model) -> May {
    on_list(model)?;
    if model.filters.contains_key(&model.focus) {
        Ok(())
    } else {
        Err("there is no filter: / sets one".to_owned())
    }
}

pub fn can_pause(model: &Model) -> May {
    may_ask(model)?;
    subject::to_pause(model).map(|_| ())
}

pub fn can_cancel(model: &Model) -> May {
    may_ask(model)?;
    subject::to_cancel(model).map(|_| ())
}

pub fn can_halt(model: &Model) -> May {
    may_ask(model)
}

pub fn can_abandon(model: &Model) -> May {
    may_ask(model)?;
    subject::to_abandon(model).map(|_| ())
}

pub fn can_retry(model: &Model) -> May {
    may_ask(model)?;
    subject::to_retry(model).map(|_| ())
}

pub fn can_trigger(model: &Model) -> May {
    may_ask(model)?;
    if model.catalogue.workflows.is_empty() { Err("the setup has no workflows".to_owned()) } else { Ok(()) }
}

pub fn can_acknowledge(model: &Model) -> May {
    may_ask(model)?;
    subject::to_acknowledge(model).map(|_| ())
}

pub fn can_close(model: &Model) -> May {
    may_ask(model)?;
    subject::to_close(model).map(|_| ())
}

pub fn can_answer(model: &Model) -> May {
    may_ask(model)?;
    subject::to_answer(model).map(|_| ())
}

pub fn can_approve(model: &Model) -> May {
    let state = model.state();
    let asked =
        state.approvals().len() > 0 || state.unconfirmed().len() > 0 || state.accounts().next().is_some();
    if asked { Ok(()) } else { Err("nothing has to be approved".to_owned()) }
}

pub fn can_settle(model: &Model) -> May {
    may_ask(model)?;
    subject::to_settle(model).map(|_| ())
}

pub fn can_lift(model: &Model) -> May {
    may_ask(model)?;
    subject::to_lift(model).map(|_| ())
}

pub fn can_arm(model: &Model) -> May {
    arming_matters(model)?;
    subject::to_arm(model).map(|_| ())
}

pub fn can_disarm(model: &Model) -> May {
    arming_matters(model)?;
    let run = subject::to_arm(model)?;
    match model.state().arming(run.workflow()).is_some_and(Arming::is_armed) {
        true => Ok(()),
        false => Err(format!("{} is not armed: its runs only observe", run.workflow())),
    }
}

/// Whether somebody has to say which workflows act.
pub fn arming_matters(model: &Model) -> May {
    may_ask(model)?;
    match model.state().kind() {
        Some(JournalKind::Real) => Ok(()),
        _ => Err("drills always act: in an exercise there is nothing to arm".to_owned()),
    }
}

/// Whether leaving needs a question: real runs are live.
pub fn quit_asks(model: &Model) -> bool {
    !model.attached
        && model.connected
        && model.state().kind() == Some(JournalKind::Real)
        && model.state().counts().live_runs > 0
}
