mod claims;
mod entries;
mod ledger;
mod prices;
mod script;
mod stacked;
mod tracker;
