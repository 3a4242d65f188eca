//! Prices are the user's to say: they change, differ by contract, and a wrong one is worse than none. So the table is empty
//! unless it is filled, and an unknown price stays unknown through every sum.

use super::{Money, Resolution, Workload};
use crate::config::{ConfigError, Pattern, none_is_hidden};

/// What one image costs, at one provider, of one model, in one resolution.
///
/// As it stands in a policy file; [`PriceTable::new`] checks it.
///
/// ```
/// use longhaul::{Resolution, billing::PriceRow};
///
/// let price = "0.24 USD".parse().unwrap();
/// let row = PriceRow::new("generativelanguage.googleapis.com", "gemini-3-pro-image*", price);
/// let row = row.for_resolution(Resolution::K4);
/// ```
///
/// Where drafts cost something besides, as the partial images of OpenAI's streams do (100 output tokens each):
///
/// ```
/// use longhaul::{Money, billing::PriceRow};
///
/// let row = PriceRow::new("api.openai.com", "gpt-image-*", Money::usd_micros(165_000));
/// let row = row.with_draft_price(Money::usd_micros(3_000));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PriceRow {
    /// The provider's name: exact but for capitals, or a beginning followed by `*`, or `*` alone.
    pub provider: String,
    /// The model as requests name it: exact, or a beginning followed by `*`, or `*` alone.
    ///
    /// Matched to the letter: model names, unlike hosts, are told apart by capitals.
    pub model: String,
    /// The resolution; none for any.
    ///
    /// Rows for a size have to stand before one for any size of the same model, since the first that matches counts; behind
    /// it they are refused.
    #[serde(default)]
    pub resolution: Option<Resolution>,
    /// What one image costs: `"0.24 USD"` in a file. Not below zero, and at most a million units.
    ///
    /// A request for four images is priced at four times this.
    pub price: Money,
    /// What one draft costs that comes beside the image: a partial image of a stream. In the currency of `price`; none
    /// where drafts are free, or nobody knows.
    #[serde(default)]
    pub draft_price: Option<Money>,
}

impl PriceRow {
    /// One image of any resolution costs `price`.
    pub fn new(provider: impl Into<String>, model: impl Into<String>, price: Money) -> Self {
        Self {
            provider: provider.into(),
            model: model.into(),
            resolution: None,
            price,
            draft_price: None,
        }
    }

    /// The same for this resolution alone.
    ///
    /// ```
    /// use longhaul::{Money, Resolution, Workload, billing::{PriceRow, PriceTable}};
    ///
    /// let row = |micros| PriceRow::new("*", "nano-banana-pro", Money::usd_micros(micros));
    /// let prices = PriceTable::new(vec![row(240_000).for_resolution(Resolution::K4), row(134_000)])?;
    /// let price = |size| prices.price("any", &Workload::of(size).with_model("nano-banana-pro")).unwrap().micros;
    /// assert_eq!((price(Resolution::K4), price(Resolution::K1)), (240_000, 134_000));
    /// assert_eq!(price(Resolution::Unknown), 240_000, "the dearest that it may be");
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    #[must_use]
    pub const fn for_resolution(mut self, resolution: Resolution) -> Self {
        self.resolution = Some(resolution);
        self
    }

    /// The same where each draft costs `price` besides.
    #[must_use]
    pub const fn with_draft_price(mut self, price: Money) -> Self {
        self.draft_price = Some(price);
        self
    }
}

/// Prices by provider, model and resolution. Empty unless the user fills it.
///
/// The first row that matches counts. Where the resolution of a request is not known, the dearest of what
/// the known ones would cost counts, so that the exposure is not understated. No row, no price: the
/// exposure is then unknown, which is not zero.
///
/// ```
/// use longhaul::{Money, Workload, Resolution, billing::{PriceRow, PriceTable}};
///
/// # fn main() -> Result<(), longhaul::ConfigError> {
/// let prices = PriceTable::new(vec![
///     PriceRow::new("api.example.com", "nano-banana*", "0.05 USD".parse()?),
/// ])?;
/// let two = Workload::of(Resolution::K4).with_model("nano-banana-pro").with_images(2);
/// assert_eq!(prices.price("api.example.com", &two), Some(Money::usd_micros(100_000)));
/// assert_eq!(prices.price("elsewhere.example.com", &two), None);
/// # Ok(()) }
/// ```
///
/// ```
/// use longhaul::{Money, Workload, billing::{PriceRow, PriceTable}};
///
/// let table = PriceTable::new(vec![PriceRow::new("*", "studio", Money::usd_micros(240_000))])?;
/// let workload = Workload::default().with_model("studio");
/// assert_eq!(table.price("api.example.com", &workload), Some(Money::usd_micros(240_000)));
/// // Without a row a price is unknown, which is not zero.
/// assert_eq!(table.price("api.example.com", &workload.with_model("other")), None);
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PriceTable(Vec<Row>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Row {
    provider: Pattern,
    model: Pattern,
    resolution: Option<Resolution>,
    price: Money,
    draft_price: Option<Money>,
}

/// No picture costs more, in millionths: a bound under which sums over years of calls cannot overflow.
const HIGHEST: i64 = 1_000_000_000_000;

impl PriceTable {
    /// Checks `rows`. An error names the field from the table's own key on: `prices[2].currency`.
    ///
    /// # Errors
    ///
    /// If a name is empty or has a `*` that is not its end, a price is below zero or above a million units, a draft's price
    /// is in another currency than its row's, a row is for [`Resolution::Unknown`], or never counts since an earlier one takes
    /// all that it is for.
    ///
    /// ```
    /// use longhaul::{Money, billing::{PriceRow, PriceTable}};
    ///
    /// let row = PriceRow::new("*", "gpt-image-*", Money::usd_micros(165_000));
    /// let row = row.with_draft_price("0.01 EUR".parse()?);
    /// assert_eq!(PriceTable::new(vec![row]).unwrap_err().field(), "prices[0].draft_price");
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn new(rows: Vec<PriceRow>) -> Result<Self, ConfigError> {
        let row = |(index, row)| {
            Row::new(row).map_err(|error: ConfigError| error.under(&format!("prices[{index}]")))
        };
        let rows: Vec<Row> = rows
            .into_iter()
            .enumerate()
            .map(row)
            .collect::<Result<_, _>>()?;
        none_is_hidden("prices", &rows, Row::takes)?;
        Ok(Self(rows))
    }

    /// What `workload` costs at `provider` if it is charged, all its images together.
    ///
    /// A workload that names no model is priced by rows for `*` alone.
    pub fn price(&self, provider: &str, workload: &Workload) -> Option<Money> {
        let one = self.row(provider, workload)?.price;
        Some(one.times(workload.images.max(1)))
    }

    /// What one draft costs that comes beside the images of `workload`, by the row that prices these.
    ///
    /// ```
    /// use longhaul::{Money, Workload, billing::{PriceRow, PriceTable}};
    ///
    /// let row = PriceRow::new("*", "gpt-image-*", Money::usd_micros(165_000)).with_draft_price(Money::usd_micros(3_000));
    /// let prices = PriceTable::new(vec![row])?;
    /// let workload = Workload::default().with_model("gpt-image-1");
    /// assert_eq!(prices.draft_price("api.openai.com", &workload), Some(Money::usd_micros(3_000)));
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn draft_price(&self, provider: &str, workload: &Workload) -> Option<Money> {
        self.row(provider, workload)?.draft_price
    }

    fn row(&self, provider: &str, workload: &Workload) -> Option<&Row> {
        let model = workload.model.as_deref().unwrap_or_default();
        match workload.resolution {
            Resolution::Unknown => self.dearest(provider, model),
            resolution => self.first(provider, model, resolution),
        }
    }

    fn first(&self, provider: &str, model: &str, resolution: Resolution) -> Option<&Row> {
        self.0.iter().find(|row| {
            row.resolution.is_none_or(|of_row| of_row == resolution)
                && row.provider.matches_in_any_case(provider)
                && row.model.matches(model)
        })
    }

    /// `None` too where the currencies differ: which one is dearer is not ours to know.
    ///
    /// A row for any size is met by all three; rows for one size by theirs. So this is the most that the request can cost
    /// under the table, whatever its size turns out to be.
    fn dearest(&self, provider: &str, model: &str) -> Option<&Row> {
        let mut rows = [Resolution::K1, Resolution::K2, Resolution::K4]
            .into_iter()
            .filter_map(|resolution| self.first(provider, model, resolution));
        let first = rows.next()?;
        rows.try_fold(first, |dearest, row| {
            if row.price.currency != dearest.price.currency {
                return None;
            }
            Some(if row.price.micros > dearest.price.micros {
                row
            } else {
                dearest
            })
        })
    }
}

impl Row {
    /// Whether `later`, behind it, prices nothing.
    fn takes(&self, later: &Self) -> bool {
        (self.resolution.is_none() || self.resolution == later.resolution)
            && self.provider.covers_in_any_case(&later.provider)
            && self.model.covers(&later.model)
    }

    fn new(row: PriceRow) -> Result<Self, ConfigError> {
        if row.resolution == Some(Resolution::Unknown) {
            return Err(ConfigError::new(
                "resolution",
                "leave it out to price every resolution",
            ));
        }
        let named = [("price", Some(row.price)), ("draft_price", row.draft_price)];
        for (key, price) in named
            .into_iter()
            .filter_map(|(key, price)| Some((key, price?)))
        {
            if !(0..=HIGHEST).contains(&price.micros) {
                let message =
                    format!("{price} is not a price from 0 to a million units for one image");
                return Err(ConfigError::new(key, message));
            }
            if price.currency != row.price.currency {
                let message = format!(
                    "{price} is not in the currency of `price`, {}",
                    row.price.currency
                );
                return Err(ConfigError::new(key, message));
            }
        }
        Ok(Self {
            provider: Pattern::new("provider", &row.provider)?,
            model: Pattern::new("model", &row.model)?,
            resolution: row.resolution,
            price: row.price,
            draft_price: row.draft_price,
        })
    }
}
