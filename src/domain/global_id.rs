//! Global object identification (Relay): opaque ids that carry the type and the tenant.
