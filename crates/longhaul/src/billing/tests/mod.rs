mod claims;
mod entries;
mod layered;
mod ledger;
mod prices;
mod script;
mod stacked;
mod tracker;
