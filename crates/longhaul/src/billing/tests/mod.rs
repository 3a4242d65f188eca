mod claims;
mod entries;
mod ledger;
mod prices;
mod script;
mod tracker;
