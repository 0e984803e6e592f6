/** The names of the API's bodies, as the gatekeeper describes them. */
import type { components } from './schema';

type Schemas = components['schemas'];
export type ActivityView = Schemas['ActivityView'];
export type AuditView = Schemas['AuditView'];
export type BookingView = Schemas['BookingView'];
export type EventView = Schemas['EventView'];
export type HoldView = Schemas['HoldView'];
export type LiveMessage = Schemas['LiveMessage'];
export type NewEvent = Schemas['NewEvent'];
export type NewHold = Schemas['NewHold'];
export type Problem = Schemas['Problem'];
export type SaleState = Schemas['SaleState'];
export type Section = Schemas['Section'];
export type Session = Schemas['Session'];
export type TierView = Schemas['TierView'];
