//! How often somebody may ask: a budget for each kind of request, for the customer and for the address. See docs/TRUST.md.

mod accounts;
mod address;
mod settings;

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{Error, HttpMessage, HttpRequest, web};
use chassis::ApiError;
use contract::{Code, Problem};

pub use accounts::{Accounts, Subject};
pub use address::{Proxies, client_address};
pub use settings::{Budget, LimitSettings, Switch};

use crate::identity::{self, Known};
use crate::metrics::GateMetrics;
use crate::scripts::draw_tokens;
use crate::service::Gate;
use accounts::Ask;

/// What is left of the budget that has the least left.
pub static RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// That budget.
pub static RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What a request is, as far as its budget is concerned. Every GET is a read, whatever its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Looks at something.
    Reads,
    /// Takes something for a while, or gives it back.
    Holds,
    /// Makes or changes something that stays.
    Bookings,
    /// Makes a guest.
    Sessions,
}

impl Kind {
    /// The word in headers and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Holds => "holds",
            Self::Bookings => "bookings",
            Self::Sessions => "sessions",
        }
    }
}

/// The limits of this replica. Its workers share one.
pub struct Limits {
    settings: LimitSettings,
    accounts: Accounts,
    metrics: GateMetrics,
}

/// So many tokens of one budget.
#[derive(Debug, Clone, Copy)]
pub struct Charge {
    /// What they are for.
    pub kind: Kind,
    /// Whose they are.
    pub subject: Subject,
    /// Theirs.
    pub budget: Budget,
    /// All of which are wanted: fewer are of no use.
    pub tokens: u32,
}

/// Fewer tokens are left than are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Refusal {
    left: u32,
    /// How long until there are as many.
    wait: Duration,
}

/// What one budget says to a request.
#[derive(Clone, Copy)]
struct Word {
    charge: Charge,
    /// Tokens left, as far as this replica knows.
    left: Result<u32, Refusal>,
}

impl Limits {
    /// Nothing lent yet.
    #[must_use]
    pub fn new(settings: LimitSettings, metrics: GateMetrics) -> Self {
        Self { settings, accounts: Accounts::default(), metrics }
    }

    /// Takes the token that a request costs itself.
    async fn ask(&self, gate: &Gate, kind: Kind, request: &HttpRequest) -> Option<Word> {
        let of_address = self.own_charge(kind, self.address(request));
        self.take_both(gate, of_address, || self.own_charge(kind, caller(request))).await
    }

    /// Takes as many tokens more as a request turned out to be for, besides the one it cost itself; or none, and says how long it
    /// is until the budget that has too few will have as many, at whichever replica.
    pub async fn charge(&self, gate: &Gate, kind: Kind, request: &HttpRequest, more: u32) -> Result<(), ApiError> {
        if self.settings.limits == Switch::Off || more == 0 {
            return Ok(());
        }
        let of_address = self.further_charge(kind, self.address(request), more);
        let of_caller = || self.further_charge(kind, caller(request), more);
        let Some(mut word) = self.take_both(gate, of_address, of_caller).await else { return Ok(()) };
        if let Err(refusal) = &mut word.left {
            // And one for the request that comes then.
            refusal.wait += word.charge.budget.interval();
        }
        let Word { charge, left } = word;
        request.extensions_mut().insert(word);
        let Err(refusal) = left else { return Ok(()) };
        // What the address paid for somebody who may not is for others of it.
        if let Some(paid) = of_address.filter(|paid| paid.subject != charge.subject) {
            let tokens = self.accounts.give_back(paid, Instant::now());
            if tokens > 0 {
                // Should it fail, they come back with time.
                let _ = draw_tokens::give_back(&gate.link, Charge { tokens, ..paid }).await;
            }
        }
        Err(self.refuse(charge, refusal))
    }

    fn address(&self, request: &HttpRequest) -> Option<Subject> {
        client_address(request, &self.settings.trusted_proxies).map(Subject::of_address)
    }

    /// What a request costs by itself.
    fn own_charge(&self, kind: Kind, subject: Option<Subject>) -> Option<Charge> {
        let subject = subject?;
        Some(Charge { kind, subject, budget: self.settings.budget(kind, subject)?, tokens: 1 })
    }

    /// What it costs besides: no more than a full bucket has then, or whoever has a small one would wait for ever.
    fn further_charge(&self, kind: Kind, subject: Option<Subject>, more: u32) -> Option<Charge> {
        let own = self.own_charge(kind, subject)?;
        let tokens = more.min(own.budget.tokens - 1);
        (tokens > 0).then_some(Charge { tokens, ..own })
    }

    /// What the budgets say: the first that refuses, or the one that has the least left. The address is asked first: who shares one
    /// with somebody hasty pays for it once, not twice; and no token is looked at for an address that is over.
    async fn take_both(
        &self,
        gate: &Gate,
        of_address: Option<Charge>,
        of_caller: impl FnOnce() -> Option<Charge>,
    ) -> Option<Word> {
        let address_word = self.take(gate, of_address).await;
        if address_word.as_ref().is_some_and(|word| word.left.is_err()) {
            return address_word;
        }
        let caller_word = self.take(gate, of_caller()).await;
        [caller_word, address_word].into_iter().flatten().min_by_key(|word| word.left.ok())
    }

    /// Takes the tokens, and draws some from Redis first if too few are at hand. Whoever cannot be told no by Redis is let through.
    async fn take(&self, gate: &Gate, charge: Option<Charge>) -> Option<Word> {
        let charge = charge?;
        let left = match self.accounts.ask(charge, Instant::now()) {
            Ask::Granted(left) => Ok(left),
            Ask::Refused(refusal) => Err(refusal),
            // Boxed, or every request would be as large as one that asks Redis.
            Ask::Draw(turn) => Box::pin(self.draw(&turn, gate, charge)).await,
        };
        Some(Word { charge, left })
    }

    async fn draw(&self, turn: &tokio::sync::Mutex<()>, gate: &Gate, charge: Charge) -> Result<u32, Refusal> {
        // One draws, the others wait for what comes of it: as many draws at once would empty a bucket for nobody.
        let _turn = turn.lock().await;
        match self.accounts.ask(charge, Instant::now()) {
            Ask::Granted(left) => Ok(left),
            Ask::Refused(refusal) => Err(refusal),
            Ask::Draw(_) => {
                let at_hand = self.accounts.take_at_hand(charge, Instant::now());
                let missing = Charge { tokens: charge.tokens - at_hand, ..charge };
                let drawn = draw_tokens::call(&gate.link, missing).await;
                if let Err(error) = &drawn {
                    // Once a second for each account at most: after that nobody asks for as long.
                    self.metrics.limits_open.inc();
                    tracing::warn!(%error, kind = charge.kind.as_str(), "a budget cannot be asked; requests are let through");
                }
                self.accounts.drawn(charge, at_hand, drawn.ok(), Instant::now())
            }
        }
    }

    /// Counts it, and says how long to wait.
    fn refuse(&self, Charge { kind, subject, .. }: Charge, refusal: Refusal) -> ApiError {
        let (whose, what) = (subject.kind(), kind.as_str());
        self.metrics.limited.with_label_values(&[what, whose]).inc();
        let mut problem =
            Problem::new(Code::TooManyRequests, format!("Too many {what} from this {whose}; nothing was done."));
        let seconds = u32::try_from(whole_seconds(refusal.wait)).unwrap_or(u32::MAX);
        problem.retry_after_seconds = Some(seconds.max(1));
        problem.into()
    }
}

fn caller(request: &HttpRequest) -> Option<Subject> {
    identity::of(request).ok().map(Subject::of_caller)
}

/// Goes on with the request if its customer and its address have room for it.
pub async fn keep(
    kind: Kind,
    request: ServiceRequest,
    then: impl AsyncFnOnce(ServiceRequest) -> Result<ServiceResponse<BoxBody>, Error>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let limits = request.app_data::<web::Data<Limits>>().filter(|limits| limits.settings.limits == Switch::On);
    let (Some(limits), Some(gate)) = (limits.cloned(), request.app_data::<web::Data<Gate>>().cloned()) else {
        return then(request).await;
    };
    let kind = if matches!(*request.method(), Method::GET | Method::HEAD) { Kind::Reads } else { kind };
    let Some(mut word) = limits.ask(&gate, kind, request.request()).await else {
        return then(request).await;
    };
    let mut response = match word.left {
        Ok(_) => then(request).await?,
        Err(refusal) => {
            let error = limits.refuse(word.charge, refusal);
            request.error_response(error).map_into_boxed_body()
        }
    };
    // It may have turned out to cost more, of one budget at least.
    if let Some(last) = response.request().extensions_mut().remove::<Word>() {
        word = if last.left.ok() < word.left.ok() { last } else { word };
    }
    for (name, value) in headers(&word) {
        response.headers_mut().insert(name.clone(), value);
    }
    Ok(response)
}

/// draft-ietf-httpapi-ratelimit-headers: `"customer-holds";r=17;t=2` of `"customer-holds";q=20;w=10`.
fn headers(word: &Word) -> Vec<(&'static HeaderName, HeaderValue)> {
    let Charge { kind, subject, budget, .. } = word.charge;
    let Budget { tokens, window } = budget;
    let (whose, what) = (subject.kind(), kind.as_str());
    let (left, wait) = match word.left {
        Ok(left) => (left, budget.interval() * (tokens - left.min(tokens))),
        Err(Refusal { left, wait }) => (left, wait),
    };
    let (mut now, mut policy) = (String::with_capacity(40), String::with_capacity(40));
    let _ = write!(now, "\"{whose}-{what}\";r={left};t={}", whole_seconds(wait));
    let _ = write!(policy, "\"{whose}-{what}\";q={tokens};w={}", window.as_secs());
    let value = |text: String| HeaderValue::try_from(text).ok();
    let values = [(&RATE_LIMIT, value(now)), (&RATE_LIMIT_POLICY, value(policy))];
    values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_nanos().div_ceil(1_000_000_000).try_into().unwrap_or(u64::MAX)
}

impl Subject {
    /// An IPv4 address by itself, an IPv6 address by the /64 that one household has.
    #[must_use]
    pub fn of_address(address: IpAddr) -> Self {
        Self::Address(address::counted_as(address))
    }

    /// Whoever has shown a token, or a key.
    #[must_use]
    pub fn of_caller(known: Known) -> Self {
        known.key.map_or(Self::Customer(known.customer_id), Self::Key)
    }

    /// Which one.
    #[must_use]
    pub fn id(self) -> String {
        match self {
            Self::Customer(customer) => customer.to_string(),
            Self::Key(key) => key.to_string(),
            Self::Address(address) => address.to_string(),
        }
    }

    /// What it is, for headers, metrics and people.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Customer(_) => "customer",
            Self::Key(_) => "key",
            Self::Address(_) => "address",
        }
    }
}
