//! What customers tell of themselves.

use contract::api::{Action, Profile};
use contract::{CustomerId, Origin};

use super::audit_log::{self, Changes};
use super::{Store, StoreError, expect_rows};

impl Store {
    /// The profile, if there is one.
    pub async fn profile(&self, customer: CustomerId) -> Result<Option<Profile>, StoreError> {
        let client = self.client().await?;
        let statement = client.prepare_cached("SELECT name, email, phone FROM profiles WHERE customer_id = $1").await?;
        let row = client.query_opt(&statement, &[&customer.0]).await?;
        Ok(row.map(|row| Profile { name: row.get("name"), email: row.get("email"), phone: row.get("phone") }))
    }

    /// Writes all of it. The log says that it was, not what.
    pub async fn put_profile(
        &self,
        customer: CustomerId,
        profile: &Profile,
        origin: &Origin,
    ) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let written = tx
            .execute(
                "INSERT INTO profiles (customer_id, name, email, phone) VALUES ($1, $2, $3, $4) ON CONFLICT (customer_id) \
                 DO UPDATE SET name = excluded.name, email = excluded.email, phone = excluded.phone, changed_at = now()",
                &[&customer.0, &profile.name, &profile.email, &profile.phone],
            )
            .await?;
        expect_rows("write a profile", 1, written)?;
        audit_log::enter(&tx, None, &Changes::one(Action::ProfileChanged, origin, customer.0), None).await?;
        Ok(tx.commit().await?)
    }

    /// Removes it, if there is one.
    pub async fn remove_profile(&self, customer: CustomerId, origin: &Origin) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let removed = tx.execute("DELETE FROM profiles WHERE customer_id = $1", &[&customer.0]).await?;
        if removed > 0 {
            audit_log::enter(&tx, None, &Changes::one(Action::ProfileRemoved, origin, customer.0), None).await?;
        }
        Ok(tx.commit().await?)
    }
}
