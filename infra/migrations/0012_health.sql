-- What waits to be published, for whoever asks how the service is: ages only, no agency and no case, so that the API's
-- role may ask it without seeing what it is of.
--
-- A telling is delivered where nobody is waited for any more: it is on the agency's topic, its webhook took it, or the
-- agency said that it received it, by whatever way. An agency that reads the feed says nothing else, and its topic is
-- written to all the same.
--
--   told_at        when the oldest was told that is none of that
--   emergency_at   the same, of emergency referrals that are not answered; from when they were sent, told or not
--   unconfirmed_at when the oldest emergency referral was sent that is not answered, and of which its recipient did not
--                  say that it arrived: it may lie on the topic
--
-- It belongs to the followers, who own the read models. They come later than this: what is not there yet is not asked.
CREATE FUNCTION views.unpublished() RETURNS TABLE (
  told_at timestamptz, emergency_at timestamptz, unconfirmed_at timestamptz
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = views, delivery, pg_temp AS $$
BEGIN
  RETURN QUERY
    WITH agencies AS MATERIALIZED (
      SELECT a.code, greatest(p.sequence, w.sent, m.received, 0) AS upto
        FROM agency a
        LEFT JOIN topics p ON p.agency = a.code
        LEFT JOIN webhooks w ON w.agency = a.code
        LEFT JOIN delivery_mark m ON m.agency = a.code
        WHERE a.has_key AND a.active
    ), emergencies AS MATERIALIZED (
      SELECT d.sent_at, d.delivered_at, a.upto, t.sequence
        FROM referral_box b
        JOIN referral_delivery d ON d.case_id = b.case_id AND d.referral = b.referral AND d.recipient = b.agency
        JOIN agencies a ON a.code = b.agency
        LEFT JOIN told t ON t.case_id = d.case_id AND t.agency = d.recipient AND t.position = d.position
        WHERE b.box = 'in' AND b.status = 'requested' AND b.urgency = 'emergency'
    )
    SELECT (SELECT min(t.told_at) FROM agencies a, LATERAL (
              SELECT o.told_at FROM told o WHERE o.agency = a.code AND o.sequence > a.upto ORDER BY o.sequence LIMIT 1
            ) t),
           (SELECT min(e.sent_at) FROM emergencies e WHERE e.sequence IS NULL OR e.sequence > e.upto),
           (SELECT min(e.sent_at) FROM emergencies e WHERE e.delivered_at IS NULL);
END $$;
REVOKE ALL ON FUNCTION views.unpublished FROM PUBLIC;
GRANT EXECUTE ON FUNCTION views.unpublished TO rujukan_service, rujukan_follower;
ALTER FUNCTION views.unpublished OWNER TO rujukan_follower;
